# fish completion for toktab(1). Commands and options are what --help shows.

# COMMAND… --help as lines: letter or "", name, value or "", description, with tabs between
function __toktab_options
    $argv --help 2>/dev/null </dev/null |
        string replace -rf '^  (?:(-.), |    )(--[a-z-]+)(?: ([A-Z]\S*))?(?:  +(.*))?$' '$1\t$2\t$3\t$4'
end

# Sets __toktab_tool (the tool with the options before the command), __toktab_command, and the option whose value
# comes next, __toktab_option, as "NAME VALUE".
function __toktab_read_line
    set -l words (commandline -opc)
    set -g __toktab_tool $words[1]
    set -g __toktab_command
    set -g __toktab_option
    set -l known (__toktab_options $words[1])
    for word in $words[2..-1]
        if set -q __toktab_option[1]
            test -n "$__toktab_command"; or set -a __toktab_tool (string split ' ' -- $__toktab_option)[1] $word
            set -g __toktab_option
        else if string match -q -- '--*=*' $word
            test -n "$__toktab_command"; or set -a __toktab_tool $word
        else if string match -q -- '-*' $word
            for line in $known
                set -l fields (string split \t -- $line)
                if test -n "$fields[3]"; and contains -- $word $fields[1..2]
                    set -g __toktab_option "$fields[2] $fields[3]"
                end
            end
        else if test -z "$__toktab_command"
            set -g __toktab_command $word
            set known (__toktab_options $words[1] $word)
        end
    end
    printf '%s\n' $known
end

function __toktab_tokens
    $__toktab_tool list $argv -o id,label --no-headings 2>/dev/null </dev/null | string replace -r '^(\S+) +' '$1\t'
end

function __toktab_value
    switch $__toktab_option
        case '* CONF'
            __fish_complete_path (commandline -ct)
        case '* DOMAIN'
            $__toktab_tool domains 2>/dev/null </dev/null | string match -rg '^([a-z0-9][a-z0-9.-]*) '
        case '--user *'
            __fish_complete_users
        case '--expires *'
            printf '%s\n' 30d 90d 365d never
    end
end

function __toktab_argument
    switch $__toktab_command
        case '' help
            $__toktab_tool --help 2>/dev/null </dev/null | string match -r '^  [a-z]+  .*' |
                string replace -r '^  ([a-z]+) +' '$1\t'
        case import scan mend
            __fish_complete_path (commandline -ct)
        case revoke
            __toktab_tokens --active
        case rotate update
            __toktab_tokens --active --expired
        case show history
            __toktab_tokens
    end
end

function __toktab_complete
    set -l known (__toktab_read_line)
    if set -q __toktab_option[1]
        __toktab_value
    else if string match -q -- '-*' (commandline -ct)
        for line in $known
            set -l fields (string split \t -- $line)
            for name in $fields[1..2]
                test -z "$name"; or printf '%s\t%s\n' $name $fields[4]
            end
        end
        printf '%s\t%s\n' --help 'what the command does'
    else
        __toktab_argument
    end
end

complete -c toktab -f -k -a '(__toktab_complete)'

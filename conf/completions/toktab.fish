# fish completion for toktab(1). Commands and options are what --help shows.

# COMMAND… --help as lines: letter or "", name, value or "", description, with tabs between
function __toktab_options
    $argv --help 2>/dev/null </dev/null |
        string replace -rf '^  (?:(-.), |    )(--[a-z-]+)(?: ([A-Z]\S*))?(?:  +(.*))?$' '$1\t$2\t$3\t$4'
end

# Sets __toktab_tool (the tool with -c, -d and --as), __toktab_command, and the option whose value comes next,
# __toktab_option, as "NAME VALUE".
function __toktab_read_line
    set -l words (commandline -opc)
    set -g __toktab_tool $words[1]
    set -g __toktab_command
    set -g __toktab_option
    set -l known (__toktab_options $words[1])
    for word in $words[2..-1]
        if set -q __toktab_option[1]
            string match -qr ' (CONF|DOMAIN|NAME)$' -- $__toktab_option
            and set -a __toktab_tool (string split ' ' -- $__toktab_option)[1] $word
            set -g __toktab_option
        else if string match -qr -- '^--(config|domain|as)=' $word
            set -a __toktab_tool $word
        else if string match -q -- '-*' $word
            for line in $known
                set -l fields (string split \t -- $line)
                if test -n "$fields[3]"; and contains -- $word $fields[1..2]
                    set -g __toktab_option "$fields[2] $fields[3]"
                end
            end
        else if test -z "$__toktab_command"
            set -g __toktab_command $word
            set known (__toktab_options $words[1] $word) (string match -r '.*\t(?:CONF|DOMAIN)\t.*' -- $known)
        end
    end
    printf '%s\n' $known
end

function __toktab_tokens
    $__toktab_tool list $argv -o id,label --no-headings 2>/dev/null </dev/null | string replace -r '^(\S+) +' '$1\t'
end

# The labels of active tokens; for rotate, of those without a successor.
function __toktab_labels
    set -l pattern '^ *\S+ (.*)$'
    test "$__toktab_command" = rotate; and set pattern '^ *- (.*)$'
    $__toktab_tool list --active -o successor,label --no-headings 2>/dev/null </dev/null |
        string replace -rf $pattern '$1' | sort -u
end

function __toktab_scopes
    $__toktab_tool domains 2>/dev/null </dev/null |
        awk 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "SCOPES") column = i; next } column && $column != "-" { print $column }' |
        string split , | sort -u
end

function __toktab_columns
    $__toktab_tool[1] list --help 2>/dev/null </dev/null | sed -n '/ --output /,/^ *-/p' |
        string match -ar '[a-z_]+(?:,[a-z_]+)+' | string split ,
end

# What may follow the last comma of the word.
function __toktab_items
    set -l before (string match -r '.*,' -- (commandline -ct))
    for item in $argv
        contains -- $item (string split , -- $before); or printf '%s%s\n' "$before" $item
    end
end

function __toktab_value
    switch "$__toktab_command $__toktab_option"
        case '* CONF'
            __fish_complete_path (commandline -ct)
        case '* DOMAIN'
            $__toktab_tool domains 2>/dev/null </dev/null | string match -rg '^([a-z0-9][a-z0-9.-]*) '
        case '* USER'
            __fish_complete_users
        case '* SCOPE,…'
            __toktab_items (__toktab_scopes)
        case '* COLUMNS'
            __toktab_items (__toktab_columns)
        case '* COLUMN'
            __toktab_columns
        case 'show --label *' 'revoke --label *' 'rotate --label *' 'history --label *'
            __toktab_labels
        case '* WHEN'
            printf '%s\n' 30d 90d 365d never
        case '* --grace *'
            printf '%s\n' 0s 1h 24h 7d
        case '* TIME'
            printf '%s\n' 7d 14d 30d
        case '* AGE'
            printf '%s\n' 30d 90d 365d
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
            __toktab_tokens --all
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

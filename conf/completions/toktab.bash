# bash completion for toktab(1). Commands and options are what --help shows.
# shellcheck shell=bash

# COMMAND… --help as lines "-l --label LABEL": an option's letter or "-", its name, its value or "".
_toktab_options() {
    "$@" --help 2> /dev/null < /dev/null |
        sed -nE 's/^  (-.), (--[a-z-]+)( [A-Z][^ ]*)?(  .*)?$/\1 \2\3/p; s/^      (--[a-z-]+)( [A-Z][^ ]*)?(  .*)?$/- \1\2/p'
}

# Leaves in COMPREPLY those of the lines on standard input, "WORD  DESCRIPTION", that begin with $1; the
# description only where it is shown, not inserted.
_toktab_offer() {
    local line
    while IFS= read -r line; do
        [[ $line != "$1"* ]] || COMPREPLY+=("$line")
    done
    if [[ ${#COMPREPLY[@]} -le 1 || ${COMP_TYPE-} == 37 || ${COMP_TYPE-} == 42 ]]; then
        COMPREPLY=("${COMPREPLY[@]%% *}")
    fi
}

# _toktab_value OPTION NAME WORD: the value of that option
_toktab_value() {
    case $1/$2 in
    */CONF) compopt -o default ;;
    */DOMAIN) _toktab_offer "$3" < <("${tool[@]}" domains 2> /dev/null < /dev/null | sed '1d; s/ .*//') ;;
    --user/*) mapfile -t COMPREPLY < <(compgen -u -- "$3") ;;
    --expires/*) mapfile -t COMPREPLY < <(compgen -W '30d 90d 365d never' -- "$3") ;;
    esac
}

_toktab_argument() {
    local filter=()
    case $1 in
    import | scan | mend)
        compopt -o default
        return
        ;;
    revoke) filter=(--active) ;;
    rotate | update) filter=(--active --expired) ;;
    show | history) ;;
    *) return ;;
    esac
    _toktab_offer "$2" < <("${tool[@]}" list "${filter[@]}" -o id,label --no-headings 2> /dev/null < /dev/null)
}

_toktab() {
    local tool=("${COMP_WORDS[0]/#\~\//$HOME/}") command='' value='' known='' word letter name wants i
    COMPREPLY=()
    known=$(_toktab_options "${tool[@]}")
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ -n $value ]]; then
            # Readline takes --domain=x apart.
            [[ $word != = ]] || continue
            [[ -n $command ]] || tool+=("${value% *}" "${word/#\~\//$HOME/}")
            value=''
        elif [[ $word == -* ]]; then
            while read -r letter name wants; do
                if [[ -n $wants && ($word == "$letter" || $word == "$name") ]]; then
                    value="$name $wants"
                fi
            done <<< "$known"
        elif [[ -z $command ]]; then
            command=$word
            known=$(_toktab_options "${tool[0]}" "$command")
        fi
    done
    word=${COMP_WORDS[COMP_CWORD]}
    [[ $word != = ]] || word=''
    if [[ -n $value ]]; then
        _toktab_value "${value% *}" "${value#* }" "$word"
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(sed -E 's/^- //; s/ [A-Z].*//' <<< "$known") --help" -- "$word")
    elif [[ -z $command || $command == help ]]; then
        _toktab_offer "$word" < <("${tool[@]}" --help 2> /dev/null < /dev/null | sed -nE 's/^  ([a-z]+)  +/\1  /p')
    else
        _toktab_argument "$command" "$word"
    fi
} &&
    complete -o nosort -F _toktab toktab

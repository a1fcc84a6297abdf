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

# The same for the last item of the list $1, whose items are separated by commas.
_toktab_offer_items() {
    local before='' line
    [[ $1 != *,* ]] || before=${1%,*},
    compopt -o nospace
    while IFS= read -r line; do
        [[ $before$line != "$1"* || ,$before == *",$line,"* ]] || COMPREPLY+=("$before$line")
    done
}

_toktab_domains() {
    "${tool[@]}" domains 2> /dev/null < /dev/null | sed '1d; s/ .*//'
}

_toktab_scopes() {
    "${tool[@]}" domains 2> /dev/null < /dev/null |
        awk 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "SCOPES") column = i; next } column && $column != "-" { print $column }' |
        tr , '\n' | sort -u
}

_toktab_columns() {
    "${tool[0]}" list --help 2> /dev/null < /dev/null | sed -n '/ --output /,/^ *-/p' | grep -oE '[a-z_]+(,[a-z_]+)+' | tr , '\n'
}

# The labels of active tokens; for rotate, of those without a successor.
_toktab_labels() {
    "${tool[@]}" list --active -o successor,label --no-headings 2> /dev/null < /dev/null |
        if [[ $command == rotate ]]; then sed -nE 's/^ *- //p'; else sed -E 's/^ *[^ ]+ //'; fi | sort -u
}

# Labels have blanks and all that the shell takes for something else. Within quotes only what needs no escape is offered.
_toktab_offer_labels() {
    local label quoted
    while IFS= read -r label; do
        case $1 in
        [\"\']*)
            [[ $label == *[\"\'\\\$\`!]* || $label != "${1:1}"* ]] || COMPREPLY+=("$label")
            ;;
        *)
            quoted=$(sed -E 's/[^[:alnum:]_./-]/\\&/g' <<< "$label")
            [[ $quoted != "$1"* ]] || COMPREPLY+=("$quoted")
            ;;
        esac
    done
}

# _toktab_value OPTION NAME WORD: the value of that option
_toktab_value() {
    case $command/$1/$2 in
    */CONF) compopt -o default ;;
    */DOMAIN) _toktab_offer "$3" < <(_toktab_domains) ;;
    */USER) mapfile -t COMPREPLY < <(compgen -u -- "$3") ;;
    */SCOPE,…) _toktab_offer_items "$3" < <(_toktab_scopes) ;;
    */COLUMNS) _toktab_offer_items "$3" < <(_toktab_columns) ;;
    */COLUMN) _toktab_offer "$3" < <(_toktab_columns) ;;
    show/--label/* | revoke/--label/* | rotate/--label/* | history/--label/*) _toktab_offer_labels "$3" < <(_toktab_labels) ;;
    */WHEN) mapfile -t COMPREPLY < <(compgen -W '30d 90d 365d never' -- "$3") ;;
    */--grace/*) mapfile -t COMPREPLY < <(compgen -W '0s 1h 24h 7d' -- "$3") ;;
    */TIME) mapfile -t COMPREPLY < <(compgen -W '7d 14d 30d' -- "$3") ;;
    */AGE) mapfile -t COMPREPLY < <(compgen -W '30d 90d 365d' -- "$3") ;;
    esac
}

_toktab_argument() {
    local filter=(--active)
    case $1 in
    import | scan | mend)
        compopt -o default
        return
        ;;
    revoke) ;;
    rotate | update) filter+=(--expired) ;;
    show | history) filter+=(--expired --revoked) ;;
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
            # Readline takes --domain=x apart, and web:x.
            [[ $word != = ]] || continue
            while [[ ${COMP_WORDS[i + 1]-} =~ ^:+$ ]]; do
                word+=${COMP_WORDS[i + 1]}${COMP_WORDS[i + 2]-}
                i=$((i + 2))
            done
            case $value in
            *' CONF' | *' DOMAIN' | *' NAME') tool+=("${value% *}" "${word/#\~\//$HOME/}") ;;
            esac
            value=''
        elif [[ $word == -* ]]; then
            while read -r letter name wants; do
                if [[ -n $wants && ($word == "$letter" || $word == "$name") ]]; then
                    value="$name $wants"
                fi
            done <<< "$known"
        elif [[ -z $command ]]; then
            command=$word
            known=$(_toktab_options "${tool[0]}" "$command" && grep -E ' (CONF|DOMAIN)$' <<< "$known")
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

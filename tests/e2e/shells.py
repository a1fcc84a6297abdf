"""Shells that complete toktab's command line, asked what they would offer."""

import os
import pty
import re
import shlex
import subprocess

from harness import TOKTAB, TOP, Screen, environment, killed_at_end, take_terminal

COMPLETIONS = os.path.join(TOP, "conf", "completions")


def shell_environment(folder, **more):
    path = os.path.dirname(TOKTAB) + os.pathsep + os.environ["PATH"]
    return environment({"PATH": path, "HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder, **more})


class Shell:
    """offers(folder, word, ...): (word, description) of all that is offered for the last of the words of a command line,
    typed in that folder."""

    def offers(self, folder, *words):
        return re.findall(r"^([^\t\n]+)(?:\t(.*))?$", self.ask(folder, words), re.M)

    def plain(self, word):
        """What a word that was offered is to the command."""
        return word

    def run(self, folder, *command, **env):
        done = subprocess.run(command, env=shell_environment(folder, **env), cwd=folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
        if done.returncode != 0 or done.stderr:
            raise AssertionError("%s: %s %s" % (command[0], done.returncode, done.stderr.decode()))
        return done.stdout.decode()


class Bash(Shell):
    SCRIPT = """
        source "$FILE"
        compopt() { [[ $* != '-o default' ]] || mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"); }
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=63
        _toktab
        printf '%s\\n' "${COMPREPLY[@]}"
    """

    def plain(self, word):
        return shlex.split(word)[0]

    def ask(self, folder, words):
        answer = self.run(folder, "bash", "-c", self.SCRIPT, "bash", *words, FILE=os.path.join(COMPLETIONS, "toktab.bash"))
        return re.sub(r"^((?:\\.|[^\s\\])+) +(?=\S)", r"\1\t", answer, flags=re.M)


class Fish(Shell):
    def ask(self, folder, words):
        script = 'source $FILE; complete -C "$LINE"'
        return self.run(folder, "fish", "--no-config", "-c", script, FILE=os.path.join(COMPLETIONS, "toktab.fish"),
                        LINE=" ".join(words))


class Zsh(Shell):
    """zsh completes on a terminal only: compadd, by which all of its completions offer, is made to print what it gets."""

    SETTINGS = """
        PS1=READY
        unsetopt beep
        fpath=("$FOLDER" $fpath)
        autoload -U compinit && compinit -u -D
        compadd() {
            local -a hits shown
            if (( $@[(I)-[OAD]] )); then builtin compadd "$@"; return; fi
            if (( $@[(I)-d] )); then shown=("${(@P)${@[$(($@[(I)-d] + 1))]}}"); fi
            builtin compadd -A hits -D shown "$@"
            for (( i = 1; i <= $#hits; i++ )); do print -r -- "OFFER $hits[i]"$'\\t'"${shown[i]#*-- }"; done
        }
        capture() { zle complete-word; print -r -- "THE"END; }
        zle -N capture
        bindkey '^I' capture
    """

    def plain(self, word):
        return shlex.split(word)[0]

    def ask(self, folder, words):
        with open(os.path.join(folder, ".zshrc"), "w", encoding="utf-8") as file:
            file.write(self.SETTINGS)
        ours, theirs = pty.openpty()
        env = shell_environment(folder, ZDOTDIR=folder, FOLDER=COMPLETIONS, COLUMNS="200")
        zsh = subprocess.Popen(["zsh", "-d", "-i"], env=env, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs,
                               start_new_session=True, preexec_fn=take_terminal)
        os.close(theirs)
        with killed_at_end(zsh):
            screen = Screen(ours, zsh)
            screen.wait_for("READY")
            os.write(ours, (" ".join(words) + "\t").encode())
            screen.wait_for("THEEND")
        os.close(ours)
        return "\n".join(re.findall(r"OFFER ([^\r\n]+)", screen.text.decode()))

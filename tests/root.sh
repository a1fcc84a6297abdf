# Sourced by the scripts that need a root of a Debian release: how one is made, and how commands run in it.
# Wants $suite, and $root, an empty directory.
# shellcheck shell=bash disable=SC2154 # suite and root are the caller's

# The caller needs root and a temporary directory of its own, which is gone at its end.
begin_roots() {
    if [ "$(id -u)" != 0 ]; then
        echo "$0: making a root of $suite needs root" >&2
        exit 77
    fi
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/toktab-$suite.XXXXXX") || exit
    trap 'rm -rf --one-file-system "$scratch"' EXIT
    trap 'exit 130' INT TERM HUP
}

# As its installer leaves a machine, it knows its own name.
make_root() {
    mmdebstrap --quiet --variant=minbase --include=make,git "$suite" "$root" && cp /etc/resolv.conf "$root/etc" &&
        echo "127.0.0.1 localhost $(uname -n)" > "$root/etc/hosts"
}

# A repository that holds this tree as it is, committed or not, to be cloned.
copy_tree() {
    mkdir "$root/source" &&
        git ls-files -z --cached --others --exclude-standard |
        tar -c --null --ignore-failed-read -T - 2> /dev/null | tar -x --no-same-owner -C "$root/source" &&
        git -C "$root/source" init -q -b main &&
        git -C "$root/source" add -A &&
        git -C "$root/source" -c user.name=test -c user.email=test@localhost commit -q -m tree &&
        chroot "$root" useradd -m newcomer && chroot "$root" chown -R newcomer: /source
}

# with_mounts COMMAND…: with the file systems that a machine has mounted in the root. What it starts
# and mounts is gone when it ends.
with_mounts() {
    # shellcheck disable=SC2016 # expands inside
    unshare "${namespaces[@]}" sh -c '
        mount -t proc proc "$1/proc" &&
        mount -t devpts -o newinstance,ptmxmode=666 devpts "$1/dev/pts" &&
        mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm" &&
        shift && exec "$@"
    ' sh "$root" "$@"
}
namespaces=(--mount --pid --fork --kill-child)

# in_root SCRIPT: run it in the root, in the newcomer's clone. Not by chroot(8): nobody gets a user
# namespace in one.
in_root() {
    # shellcheck disable=SC2016 # expands inside
    with_mounts sh -c '
        mount --rbind "$1" "$1" && cd "$1" && pivot_root . mnt && umount -l /mnt && shift && exec "$@"
    ' sh "$root" env -i CI=true HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c \
        "cd /home/newcomer/toktab && $1"
}

# Sourced by tests/systemd/run: boots systemd in a root of its own, $root, as the first process of namespaces of its
# own. It sees nothing of this machine but the kernel: before it starts, every mount but those of the root is gone, so
# /tmp, /run and /dev are its own, and its network has only a loopback. Wants root; what it lacks it says on stderr.
# shellcheck shell=bash disable=SC2154 # root is the caller's

# What the first process runs before it becomes systemd; $1 is the root. A cgroup of its own comes first: its tree
# begins there.
# shellcheck disable=SC2016 # expands inside
as_first_process='
set -e
mount --bind "$1" "$1"
cd "$1"
mount -t cgroup2 cgroup2 mnt
mkdir "mnt/$2"
echo 0 > "mnt/$2/cgroup.procs"
umount mnt
exec unshare --cgroup sh -ec "$3"'

# shellcheck disable=SC2016 # expands inside
in_its_cgroup='
mount -t proc -o nosuid,nodev,noexec proc proc
for file in sys sysrq-trigger; do
    [ ! -e "proc/$file" ] || { mount --bind "proc/$file" "proc/$file" && mount -o remount,bind,ro "proc/$file"; }
done
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid tmpfs dev
for file in null zero full random urandom tty; do
    touch "dev/$file"
    mount --bind "/dev/$file" "dev/$file"
done
mkdir dev/pts dev/shm
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
ip link set lo up
pivot_root . mnt
cd /
umount -l mnt
exec setpriv --bounding-set -sys_time,-sys_module,-sys_rawio,-sys_boot \
    env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=console'

# boot LOG: returns when all units that are enabled have started. Prints what failed.
boot() {
    local state tries=0
    cgroup=toktab-boot.$$
    unshare --mount --propagation private --pid --fork --kill-child --uts --ipc --net \
        sh -c "$as_first_process" sh "$root" "$cgroup" "$in_its_cgroup" < /dev/null > "$1" 2>&1 &
    machine=$!
    while
        first=$(pgrep -P "$machine") # the one child of unshare
        state=$(booted systemctl is-system-running 2> /dev/null)
        [ "$state" != running ]
    do
        if [ "$state" = degraded ] || ! kill -0 "$machine" 2> /dev/null || [ $((tries += 1)) = 600 ]; then
            echo "systemd does not run here: $state"
            tail "$1"
            booted systemctl --no-pager --failed
            return 1
        fi
        sleep 0.2
    done
}

# booted COMMAND…: run it there, as root
booted() {
    [ -n "$first" ] && [ "$(cat "/proc/$first/comm")" = systemd ] &&
        nsenter --target "$first" --all env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# All processes end with the first.
power_off() {
    local mounted
    [ -n "${machine-}" ] || return 0
    kill -9 "$machine" 2> /dev/null
    wait "$machine" 2> /dev/null
    machine=
    # shellcheck disable=SC2016 # expands inside
    mounted=$(mktemp -d) && unshare --mount --propagation private sh -c '
        mount -t cgroup2 cgroup2 "$1" && until find "$1/$2" -depth -type d -exec rmdir {} + 2> /dev/null; do
            [ -d "$1/$2" ] || exit
            sleep 0.1
        done' sh "$mounted" "$cgroup"
    rmdir "$mounted"
}

# Sourced by the tests that need the system's nginx: a server on a socket, in front of one page.
# shellcheck shell=sh
site=/etc/nginx/conf.d/toktab-test.conf
socket=/run/toktab-test.sock
folder=/var/www/toktab-test
default=/etc/nginx/sites-enabled/default # it wants port 80

lay_out_site() {
    mkdir -p $folder
    echo page > $folder/page
    [ ! -L $default ] || mv $default /etc/nginx/sites-available/default.toktab-test
}

# write_site LINE…: the three lines that protect a location, or others
write_site() {
    {
        echo "server { listen unix:$socket; root $folder;"
        printf '%s\n' "$@" '}'
    } > $site
}

# Debian has started nginx, unless a policy forbids it, or a test before has ended it.
start_or_reload() {
    if service nginx status > /dev/null 2>&1; then
        nginx -s reload
        return
    fi
    rm -f $socket
    if [ -d /run/systemd/system ]; then
        systemctl start nginx
    else
        /usr/sbin/nginx < /dev/null > /dev/null 2>&1 || nginx -t
    fi
}

clean_site() {
    nginx -s quit 2> /dev/null || :
    [ ! -L /etc/nginx/sites-available/default.toktab-test ] ||
        mv /etc/nginx/sites-available/default.toktab-test $default
    rm -rf $site $socket $folder
}

# page [TOKEN]: the status of the answer
page() {
    curl -s -o /dev/null -w '%{http_code}' --unix-socket $socket http://localhost/page \
        ${1:+-H} ${1:+"Authorization: Bearer $1"} || :
}

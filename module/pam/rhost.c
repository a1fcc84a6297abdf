#include "pam_toktab.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* Drop the zone: it names the link, and networks have no zones. */
static bool parse_ipv6(struct in6_addr *address, const char *text)
{
    char copy[INET6_ADDRSTRLEN];
    const char *zone = strchr(text, '%');
    size_t length = zone ? (size_t)(zone - text) : strlen(text);

    if (length >= sizeof(copy) || (zone && zone[1] == '\0'))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return inet_pton(AF_INET6, copy, address) == 1;
}

bool rhost_is_address(struct sockaddr_storage *address, const char *text)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};

    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1) {
        memcpy(address, &ipv4, sizeof(ipv4));
        return true;
    }
    if (parse_ipv6(&ipv6.sin6_addr, text)) {
        memcpy(address, &ipv6, sizeof(ipv6));
        return true;
    }
    return false;
}

/* Writes DOMAIN.contact, contact.h. */
#ifndef CONTACT_WRITE_H
#define CONTACT_WRITE_H

#include "contact.h"

/* In the open directory of the stores. It is a hint, so a failure is ignored and nothing is synced. Whoever
 * reads the store may read it. */
void contact_write(int directory, const char *domain, const struct contact *contact);

#endif

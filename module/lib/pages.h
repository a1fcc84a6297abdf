/* Memory for large tables. */
#ifndef PAGES_H
#define PAGES_H

#include <stddef.h>

/* Allocate as malloc(3) does, but in huge pages if the kernel has them and the size is worth it: a page fault
 * for every 20 lines of a store would cost more than hashing them. free(3) frees it. */
void *pages_allocate(size_t size);

#endif

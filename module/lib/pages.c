#include "pages.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 * 1024 * 1024 };

void *pages_allocate(size_t size)
{
    void *memory;

    if (size < 2 * HUGE_PAGE)
        return malloc(size);
    size = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    memory = aligned_alloc(HUGE_PAGE, size);
    if (memory)
        madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}

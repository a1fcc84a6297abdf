#include "panel/ending.h"

#include "panel/tool.h"
#include "terminal/say.h"

struct ending ending_of(int status)
{
    switch (status) {
    case STATUS_NO:
        return (struct ending){409, false, "This cannot be done with this token any more."};
    case STATUS_USAGE:
        return (struct ending){422, false, "Something in the form is not right."};
    case STATUS_DAMAGED:
        return (struct ending){500, false,
                               "The store of these tokens is damaged. Tell whoever runs this server to run: "
                               "toktab check"};
    case STATUS_NOT_FOUND:
        return (struct ending){404, false, "There is no such token, or not any more."};
    case STATUS_MISSING:
        return (struct ending){500, false,
                               "Something that is needed for this is missing, or did not answer. The "
                               "server's log says what."};
    case STATUS_CANNOT_CREATE:
    case STATUS_CONFIG:
    case TOOL_NOT_STARTED:
        return (struct ending){500, false, "The server is not set up properly. Its log says why."};
    case STATUS_LOCKED:
        return (struct ending){503, false, "Somebody else is changing tokens just now. Please try again."};
    case STATUS_NOT_PERMITTED:
        return (struct ending){403, false, "You may not do this here. The server's log says why."};
    default: /* STATUS_IO, TOOL_UNKNOWN, and what no tool of ours says */
        return (struct ending){500, true,
                               "The tool that changes tokens has failed. The server's log says why."};
    }
}

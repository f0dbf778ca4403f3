#ifndef TW_GUEST_SANDBOX_H
#define TW_GUEST_SANDBOX_H

#include "tw_guest.h"
#include "tw_sandbox.h"

/* The agent's view of the guest. */
tw_sandbox tw_guest_sandbox(void);

#endif

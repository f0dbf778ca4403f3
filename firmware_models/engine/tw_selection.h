/* What a build of the engine has: everything, or only what one model needs.
 *
 * Code asks for what is here in an ordinary `if`, or not at all: where a number below says that
 * something is absent, the compiler takes out what is there for it alone. Such a build refuses a
 * model that needs more than it has. */
#ifndef TW_SELECTION_H
#define TW_SELECTION_H

/* A set of tensor types: bit n is number n of the schema. A type outside of it gets a number that no
 * tensor's type, which is a byte, can be; so comparisons with it are false and its cases dead. */
#ifndef TW_TYPES
#define TW_TYPES 0x3FFFF
#endif
#define TW_IF_SELECTED(number) (TW_TYPES >> (number) & 1 ? (number) : 256 + (number))

/* Operators that call subgraphs. */
#ifndef TW_HAS_CALLS
#define TW_HAS_CALLS 1
#endif

/* Operators that end an invoke early. */
#ifndef TW_HAS_STOPS
#define TW_HAS_STOPS 1
#endif

/* Operators with a name instead of a number. */
#ifndef TW_HAS_CUSTOM
#define TW_HAS_CUSTOM 1
#endif

/* RESHAPE, which sizes its output while the model is loaded. */
#ifndef TW_HAS_RESHAPE
#define TW_HAS_RESHAPE 1
#endif

/* Tensors that keep their values between invokes. */
#ifndef TW_HAS_VARIABLES
#define TW_HAS_VARIABLES 1
#endif

/* Metadata that says where tensors lie in the arena; without this they lie where we put them. */
#ifndef TW_HAS_OFFLINE_PLAN
#define TW_HAS_OFFLINE_PLAN 1
#endif

/* The export that runs many frames in one call. */
#ifndef TW_HAS_MANY
#define TW_HAS_MANY 1
#endif

/* Sentences about errors, beside the status and the operator. */
#ifndef TW_HAS_TEXTS
#define TW_HAS_TEXTS 1
#endif

#endif

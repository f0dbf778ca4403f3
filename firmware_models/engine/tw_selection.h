/* What a build of the engine has: everything, or only what one model needs.
 *
 * TW_TYPES is a set of tensor types, bit n standing for number n of the schema. A type outside of it
 * gets a number that no tensor's type, which is a byte, can have: comparisons with it are false and
 * its cases are dead, so that the compiler takes out the code for it. The loader refuses tensors of
 * such types in the same way, having no size for them. */
#ifndef TW_SELECTION_H
#define TW_SELECTION_H

#ifndef TW_TYPES
#define TW_TYPES 0x3FFFF
#endif

#define TW_IF_SELECTED(number) (TW_TYPES >> (number) & 1 ? (number) : 256 + (number))

#endif

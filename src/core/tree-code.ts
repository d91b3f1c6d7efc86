/**
 * The flags of the tree code, shared by writer and reader; FORMAT.md ("Tree code") says what they mean.
 */

/** The last item of its list. */
export const LAST = 1;
/** A node has children with one slice more along its last axis. */
export const SLICES = 2;
/** A node has children with one axis more. */
export const AXES = 4;
/** Flags of the first cell of a box: LAST, SLICES, AXES. */
export const NODE_BITS = 3;

/** A pair of rows has longer pairs as children; in the kind of a pair, where LAST has no meaning. */
export const LONGER = 1;
/** Flags of the kind of a pair: LONGER, SLICES, AXES. */
export const KIND_BITS = 3;

/** The word at the end of the upper row has a kind and children of its own. */
export const HAS_KIND = 2;
/** Flags of a word at the end of the upper row: LAST, HAS_KIND. */
export const UPPER_BITS = 2;
/** Flags of a word at the end of the lower row: LAST. */
export const LOWER_BITS = 1;

/** Ends a list: of ends, of sections, of records. Sizes of gatherings and kinds of records are never 0. */
export const END = 0;
/** Another section follows. */
export const SECTION = 1;

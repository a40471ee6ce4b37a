/* All systems, in one list: name, and the header that its signature stands in, in small letters
 * (NULL: in none, or in one that is not its own). A document that names no profile is of the
 * first.
 *
 * A new system is its files in this folder, its handlers in faces/, and a line here. A test
 * build puts one more behind the others, see core/tests/fifth. */
#ifndef WHI_LIST_H
#define WHI_LIST_H

#ifndef WHI_SYSTEMS_MORE
#define WHI_SYSTEMS_MORE(X)
#endif

#define WHI_SYSTEMS(X)                                                                                                 \
    X(standard, NULL)                                                                                                  \
    X(unified, NULL)                                                                                                   \
    X(truto, "x-truto-signature")                                                                                      \
    X(callfire, "x-callfire-signature")                                                                                \
    WHI_SYSTEMS_MORE(X)

#define WHI_X(name, header) extern const struct whi_system whi_system_##name;
WHI_SYSTEMS(WHI_X)
#undef WHI_X

#endif

/* The line that a fifth system takes in the list of all: compiled in before systems/list.h. */
#ifndef MORE_H
#define MORE_H

#define WHI_SYSTEMS_MORE(X) X(fifth, "x-fifth-key")

#endif

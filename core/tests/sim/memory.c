/* The engine's memory: counted by process, at addresses that are the same in each run of a
 * seed (a table that is hashed by pointers is then the same table), filled with rubbish when it
 * is new and when it was given back, and used again late: who still reads it is found out. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "sim.h"
#include "wraps.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define POISON(at, size) __asan_poison_memory_region(at, size)
#define OPEN(at, size) __asan_unpoison_memory_region(at, size)
#else
#define POISON(at, size) ((void)(at))
#define OPEN(at, size) ((void)(at))
#endif

#define ARENA ((void *)(uintptr_t)0x510000000000) /* far from where systems put anything */
#define ARENA_SIZE ((size_t)4 << 30)
#define HEAD 32
#define CLASSES 112
#define LARGE 48 /* classes from here on are of about 64 KiB and more */
#define REST 256 /* blocks of a class that are not used again yet */
#define REST_LARGE 4
#define FRESH 0xa5
#define STALE 0xdd

typedef struct block {
    struct block *next; /* when it was given back */
    size_t size;
    int kind; /* class */
    unsigned alive;
} block;

_Static_assert(sizeof(block) <= HEAD, "a block's head");

#define ALIVE 0x600dc0deu

static struct {
    block *first, **end;
    int count;
} stale[CLASSES];

static unsigned char *arena;
static size_t used;
static sim_chance chance;

/* Sixteen bytes apart at first, then four steps to each doubling. */
static size_t class_of(size_t size, int *out) {
    size_t room = 16, step = 16;
    int kind = 0;

    while (room < size) {
        room += step;
        kind++;
        if (kind >= 16 && kind % 4 == 0) {
            step *= 2;
        }
    }
    *out = kind;
    return room;
}

static block *take_stale(int kind) {
    block *found = stale[kind].first;

    if (stale[kind].count <= (kind >= LARGE ? REST_LARGE : REST)) {
        return NULL;
    }
    stale[kind].first = found->next;
    stale[kind].count--;
    return found;
}

static block *take_fresh(int kind, size_t room) {
    block *made = (block *)(void *)(arena + used);

    if (used + HEAD + room + HEAD > ARENA_SIZE) {
        sim_fail("simulator", "the engine's memory is used up");
    }
    used += HEAD + room;
    made->kind = kind;
    POISON((unsigned char *)made + HEAD, room);
    return made;
}

static void count(int by) {
    if (sim_result_now != NULL) {
        sim_self_process()->allocations += by;
    }
}

static void *take(size_t size, int fill) {
    int kind;
    size_t room = class_of(size > 0 ? size : 1, &kind);
    block *made;
    void *memory;

    if (arena == NULL) {
        return __real_malloc(size);
    }
    if (kind >= CLASSES) {
        sim_fail("simulator", "an allocation of %zu bytes", size);
    }
    made = take_stale(kind);
    made = made != NULL ? made : take_fresh(kind, room);
    made->size = size;
    made->alive = ALIVE;
    memory = (unsigned char *)made + HEAD;
    OPEN(memory, size);
    memset(memory, fill, size);
    count(1);
    return memory;
}

static block *block_of(void *memory) {
    block *self = (block *)(void *)((unsigned char *)memory - HEAD);

    if (self->alive != ALIVE) {
        sim_fail("memory", "memory is given back twice");
    }
    return self;
}

static int is_ours(const void *memory) {
    const unsigned char *at = memory;

    return arena != NULL && at >= arena && at < arena + ARENA_SIZE;
}

void *__wrap_malloc(size_t size) {
    return take(size, FRESH);
}

void *__wrap_calloc(size_t number, size_t size) {
    return take(number * size, 0);
}

/* Always another place: who kept a pointer to the old one is found out. */
void *__wrap_realloc(void *memory, size_t size) {
    void *made = __wrap_malloc(size);

    if (memory != NULL) {
        size_t old = block_of(memory)->size;
        memcpy(made, memory, old < size ? old : size);
        __wrap_free(memory);
    }
    return made;
}

void __wrap_free(void *memory) {
    block *self;

    if (memory == NULL) {
        return;
    }
    if (!is_ours(memory)) {
        __real_free(memory);
        return;
    }
    self = block_of(memory);
    memset(memory, STALE, self->size);
    POISON(memory, self->size);
    self->alive = 0;
    self->next = NULL;
    if (stale[self->kind].count++ == 0) {
        stale[self->kind].first = self;
    } else {
        *stale[self->kind].end = self;
    }
    stale[self->kind].end = &self->next;
    count(-1);
}

void *sim_alloc(size_t size) {
    void *memory = __real_calloc(1, size > 0 ? size : 1);

    if (memory == NULL) {
        sim_fail("simulator", "no memory");
    }
    return memory;
}

void sim_free(void *memory) {
    __real_free(memory);
}

static int allocation_fails(void) {
    if (sim_is_quiet() || sim_now >= sim_self_process()->memory_fails_until) {
        return 0;
    }
    return sim_one_in(&chance, 40);
}

void sim_memory_begin(void) {
    sim_chance_seed(&chance, sim_plan_now->seed, 5);
    arena = mmap(ARENA, ARENA_SIZE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (arena != ARENA) {
        sim_fail("simulator", "the engine's memory cannot have its place");
    }
    whi_mem_fault = allocation_fails;
}

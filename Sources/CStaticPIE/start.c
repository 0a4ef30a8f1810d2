/*
 * The first function of a static, position-independent program, before it has relocated itself: it must not call
 * anything else, or use data through a pointer that a relocation fills in.
 *
 * SwiftPM gives every program a run path, $ORIGIN, for the dynamic loader. There is none here, and glibc's own loader
 * of static PIEs ends on an assertion when it finds one (elf_get_dynamic_info() in elf/get-dynamic-info.h of glibc).
 */
#include <elf.h>

#include "include/CStaticPIE.h"

extern Elf64_Dyn _DYNAMIC[] __attribute__((visibility("hidden")));

void __real__dl_relocate_static_pie(void);
void __wrap__dl_relocate_static_pie(void);

/* Below DT_LOOS: nobody gave it a meaning, so that whoever reads the section skips it. */
enum { TAG_OF_NOTHING = DT_LOOS - 1 };

__attribute__((no_stack_protector)) void __wrap__dl_relocate_static_pie(void) {
    for (Elf64_Dyn *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_RUNPATH || entry->d_tag == DT_RPATH) entry->d_tag = TAG_OF_NOTHING;
    __real__dl_relocate_static_pie();
}

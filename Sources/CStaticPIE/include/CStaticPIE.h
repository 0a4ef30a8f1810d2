/// Nothing to call: linking this target is what counts, with `--wrap=_dl_relocate_static_pie`.
#pragma once

/*
 * Which kernels the engine chooses on this processor, and that it refuses those it cannot run.
 *
 *     kernel_choice neon|portable
 */
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"

int main(int argc, char **argv)
{
    if (argc != 2 || strcmp(engine_cpu_name(), argv[1]) != 0) {
        printf("chose %s\n", engine_cpu_name());
        return 1;
    }
    enum base_err wanted = strcmp(argv[1], "neon") == 0 ? BASE_OK : BASE_ERR_UNSUPPORTED;
    struct base_error detail = {0};
    enum base_err got = engine_cpu_select("neon", &detail);
    printf("chose %s; neon by name: %s %s\n", argv[1], base_err_info(got)->name, detail.message);
    return got == wanted ? 0 : 1;
}

#pragma once
#include <stdint.h>
#include <stddef.h>
const char *ndnnl_version(void);

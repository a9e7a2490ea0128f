#define HAVE_LAPACK_CONFIG_H
#include <lapacke.h>

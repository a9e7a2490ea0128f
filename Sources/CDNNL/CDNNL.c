#include "CDNNL.h"
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
const char *ndnnl_version(void) {
  static char text[32];
  const dnnl_version_t *v = dnnl_version();
  snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
  return text;
}

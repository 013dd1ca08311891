#include "platform/version.h"

namespace dpred {

const char* version() {
  return DPRED_VERSION;
}

}  // namespace dpred

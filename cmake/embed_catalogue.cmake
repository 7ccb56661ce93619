# cmake -DOUTPUT=… -DFILE=catalogue.toml -P embed_catalogue.cmake: the catalogue as one .cpp, so
# that the binary needs no file beside it.
file(READ "${FILE}" text)
file(CONFIGURE OUTPUT "${OUTPUT}" @ONLY CONTENT [[
// Generated from providers/catalogue.toml by cmake/embed_catalogue.cmake.
#include "providers/catalogue.hpp"

namespace parley::providers {

std::string_view built_in_catalogue() {
  return R"catalogue(@text@)catalogue";
}

}  // namespace parley::providers
]])

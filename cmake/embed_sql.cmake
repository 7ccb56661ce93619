# cmake -DOUTPUT=… -DFILES=a.sql,b.sql -P embed_sql.cmake: the migrations as one .cpp, so that the
# binary needs no file beside it and schema/sqlite/ stays the only copy.
string(REPLACE "," ";" files "${FILES}")
set(rows "")
foreach(file ${files})
  get_filename_component(name "${file}" NAME_WE)
  string(REGEX REPLACE "^0*([0-9]+)_.*$" "\\1" number "${name}")
  file(READ "${file}" text)
  string(APPEND rows "    {${number}, \"${name}\", R\"sql(${text})sql\"},\n")
endforeach()
file(CONFIGURE OUTPUT "${OUTPUT}" @ONLY CONTENT [[
// Generated from schema/sqlite/ by cmake/embed_sql.cmake.
#include "storage/migrate.hpp"

namespace parley::storage {

const std::vector<migration>& migrations() {
  static const std::vector<migration> all{
@rows@  };
  return all;
}

}  // namespace parley::storage
]])

#include "app/reading_page.hpp"

#include <filesystem>

#include "app/token_tables.hpp"
#include "base/crypto.hpp"
#include "base/text.hpp"
#include "base/text_file.hpp"

namespace parley::app {

http::page_script read_reading_script(const settings& values) {
  constexpr size_t bytes_max = 8 << 20;  // redoc 2.5.4 has 1.1 MB
  auto tables = std::filesystem::path{token_tables_folder(values)};
  auto script = tables.parent_path() / "reading_page/redoc.standalone.js";
  auto text = read_text_file(script.string(), bytes_max);
  if (!text) return {};
  text->shrink_to_fit();
  auto tag = '"' + hex(sha256(*text)).substr(0, 32) + '"';
  return {std::move(*text), std::move(tag)};
}

}  // namespace parley::app

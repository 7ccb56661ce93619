#include "app/reading_page.hpp"

#include <filesystem>

#include "app/token_tables.hpp"
#include "base/crypto.hpp"
#include "base/text.hpp"

namespace parley::app {

http::page_script read_reading_script(const settings& values) {
  auto tables = std::filesystem::path{token_tables_folder(values)};
  auto script = tables.parent_path() / "reading_page/redoc.standalone.js";
  auto text = mapped_file::open(script.string());
  if (!text) return {};
  auto tag = '"' + hex(sha256(text->bytes())).substr(0, 32) + '"';
  text->release_pages();  // few will ever ask for it
  return {std::move(*text), std::move(tag)};
}

}  // namespace parley::app

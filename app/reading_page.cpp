#include "app/reading_page.hpp"

#include <filesystem>
#include <fstream>

#include "app/token_tables.hpp"
#include "base/crypto.hpp"
#include "base/text.hpp"

namespace parley::app {

http::page_script read_reading_script(const settings& values) {
  constexpr std::streamsize bytes_max = 8 << 20;  // redoc 2.5.4 has 1.1 MB
  auto tables = std::filesystem::path{token_tables_folder(values)};
  std::ifstream file{tables.parent_path() / "reading_page/redoc.standalone.js", std::ios::binary};
  if (!file) return {};
  std::string text(static_cast<size_t>(bytes_max), '\0');
  file.read(text.data(), bytes_max);
  // Half a script is none.
  if (!file.eof()) return {};
  text.resize(static_cast<size_t>(file.gcount()));
  text.shrink_to_fit();
  auto tag = '"' + hex(sha256(text)).substr(0, 32) + '"';
  return {std::move(text), std::move(tag)};
}

}  // namespace parley::app

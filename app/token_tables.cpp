#include "app/token_tables.hpp"

#include <filesystem>

#include "base/log.hpp"

namespace parley::app {

std::string token_tables_folder(const settings& values) {
  const auto& named = values.vocabulary_dir;
  if (!named.empty() && named != "none") return named;
  std::error_code fault;
  auto beside = std::filesystem::read_symlink("/proc/self/exe", fault).parent_path();
  for (const auto* place : {"vocabulary", "../share/parley/vocabulary"})
    if (auto folder = beside / place; std::filesystem::is_directory(folder, fault))
      return folder.lexically_normal().string();
  return "/usr/share/parley/vocabulary";
}

expected<token_counter> open_token_counter(const settings& values) {
  if (values.vocabulary_dir == "none") {
    log_warning("vocabulary.none", {{"effect", "all token counts are estimates"}});
    return token_counter{};
  }
  token_counter counter{token_tables_folder(values)};
  if (!counter.faults().empty()) return counter.faults().front();
  return counter;
}

}  // namespace parley::app

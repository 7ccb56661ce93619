#include "app/token_tables.hpp"

#include <filesystem>

namespace parley::app {

std::string token_tables_folder(const settings& values) {
  if (!values.vocabulary_dir.empty()) return values.vocabulary_dir;
  std::error_code fault;
  auto beside = std::filesystem::read_symlink("/proc/self/exe", fault).parent_path() / "vocabulary";
  if (std::filesystem::is_directory(beside, fault)) return beside.string();
  return "/usr/share/parley/vocabulary";
}

}  // namespace parley::app

/// The catalogue: which providers there are, how they are reached, what their models read and cost.
///
/// One file built into the binary (providers/catalogue.toml), corrected by files of the
/// administrator. Immutable once loaded, any thread. Faults name file and line.
#pragma once

#include "providers/dialect.hpp"

namespace parley::providers {

enum class model_kind : uint8_t { chat = 1, embedding };
constexpr std::array<std::string_view, 2> names_of(model_kind) {
  return {"chat", "embedding"};
}

struct known_model {
  std::string id;
  model_kind kind = model_kind::chat;
  int32_t context_window = 0;
  int32_t output_max = 0;  ///< 0: it has none of its own
  std::optional<model_prices> prices;
  model_capabilities capabilities;
};

/// Empty texts are left to whoever makes a model.
struct preset {
  std::string name;
  std::string title;
  std::string dialect;
  std::string base_url;
  std::string default_model;
  std::string as_of;  ///< "2025-12-31"
  std::string currency = "USD";
  std::string models_of;  ///< another preset whose models are these as well
  bool is_local = false;  ///< on one's own machines: any model may be there, without a price
  std::vector<known_model> models;
};

/// Why a configured model may be worth a look.
enum class model_doubt : uint8_t { provider_unknown = 1, model_unknown, price_missing };
constexpr std::array<std::string_view, 3> names_of(model_doubt) {
  return {"provider_unknown", "model_unknown", "price_missing"};
}

class catalogue {
 public:
  /// What is built in, and over it the *.toml files of a folder, which may be absent.
  static expected<catalogue> load(const std::string& overlay_folder);

  /// Lays a file over what is there: invalid_input with "path:line: …", and nothing is changed.
  expected<void> lay_over(std::string_view text, const std::string& path);

  const std::vector<preset>& presets() const { return presets_; }
  const preset* find(std::string_view name) const;
  /// By id; a date behind it ("-2024-08-06", "-20250929") or Ollama's tag (":8b") does not matter.
  const known_model* find_model(const preset& provider, std::string_view model) const;
  /// Of a preset, or the dialect of that very name; null if there is neither.
  const dialect* dialect_of(std::string_view provider) const;

  /// Fills in what a wish for a model leaves out: base URL, model, name, window, length of reply,
  /// capabilities, and prices if the provider itself is called. Nothing unless it names a provider;
  /// invalid_input / provider_unknown if that is neither a preset nor a dialect.
  expected<void> complete(patch_of<model_config>& wish) const;

  std::vector<model_doubt> doubts_of(const model_config& model) const;

 private:
  std::vector<preset> presets_;
};

std::string_view built_in_catalogue();

}  // namespace parley::providers

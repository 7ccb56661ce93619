#include "providers/catalogue.hpp"

#include <algorithm>
#include <filesystem>

#include "base/text_file.hpp"
#include "base/toml_document.hpp"
#include "providers/catalogue_file.hpp"

namespace parley::providers {

namespace {

bool is_digits(std::string_view text, std::initializer_list<size_t> dashes_at) {
  for (size_t i = 0; i < text.size(); ++i) {
    auto is_dash = std::find(dashes_at.begin(), dashes_at.end(), i) != dashes_at.end();
    if (is_dash ? text[i] != '-' : text[i] < '0' || text[i] > '9') return false;
  }
  return true;
}

/// Without what only dates or sizes it.
std::string_view bare_name(std::string_view model) {
  model = model.substr(0, model.find(':'));
  auto ends_with = [model](size_t size, std::initializer_list<size_t> dashes_at) {
    return model.size() > size && is_digits(model.substr(model.size() - size), dashes_at);
  };
  if (ends_with(11, {0, 5, 8})) return model.substr(0, model.size() - 11);  // -2024-08-06
  if (ends_with(9, {0})) return model.substr(0, model.size() - 9);          // -20250929
  return model;
}

template <class Member, class Value>
void fill(patch_of<model_config>& wish, Member model_config::*member, Value value) {
  if (!wish.has(member)) wish.set(member, std::move(value));
}

std::string_view without_slashes(std::string_view url) {
  while (!url.empty() && url.back() == '/') url.remove_suffix(1);
  return url;
}

}  // namespace

expected<catalogue> catalogue::load(const std::string& overlay_folder) {
  catalogue loaded;
  TRY_DONE(loaded.lay_over(built_in_catalogue(), "catalogue.toml"));
  if (overlay_folder.empty()) return loaded;
  std::error_code fault;
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator at{overlay_folder, fault}, end; !fault && at != end;
       at.increment(fault)) {
    if (at->path().extension() == ".toml") files.push_back(at->path());
  }
  if (fault && fault != std::errc::no_such_file_or_directory)
    return make_error(errc::invalid_input, overlay_folder + ": cannot be read.");
  std::sort(files.begin(), files.end());
  for (auto& file : files) {
    TRY(auto text, read_text_file(file.string()));
    TRY_DONE(loaded.lay_over(text, file.string()));
  }
  return loaded;
}

expected<void> catalogue::lay_over(std::string_view text, const std::string& path) {
  TRY(auto changed, with_catalogue_file(presets_, text, path));
  presets_ = std::move(changed);
  return caf::unit;
}

const preset* catalogue::find(std::string_view name) const {
  auto found = std::find_if(presets_.begin(), presets_.end(),
                            [name](auto& each) { return each.name == name; });
  return found == presets_.end() ? nullptr : &*found;
}

const known_model* catalogue::find_model(const preset& provider, std::string_view model) const {
  auto find_in = [](const preset& place, std::string_view id) -> const known_model* {
    for (auto& known : place.models) {
      if (known.id == id) return &known;
    }
    return nullptr;
  };
  auto* other = provider.models_of.empty() ? nullptr : find(provider.models_of);
  for (auto id : {model, bare_name(model)}) {
    if (auto* known = find_in(provider, id)) return known;
    if (auto* known = other ? find_in(*other, id) : nullptr) return known;
  }
  return nullptr;
}

const dialect* catalogue::dialect_of(std::string_view provider) const {
  auto* known = find(provider);
  return find_dialect(known ? std::string_view{known->dialect} : provider);
}

expected<void> catalogue::complete(patch_of<model_config>& wish) const {
  if (!wish.has(&model_config::provider)) return caf::unit;
  auto& provider = wish.value.provider;
  auto* known = find(provider);
  if (!known) {
    // Who says all that is needed is told of a wrong provider together with a wrong URL.
    auto is_whole = wish.has(&model_config::base_url) && wish.has(&model_config::model) &&
                    wish.has(&model_config::name);
    if (find_dialect(provider) || is_whole) return caf::unit;
    error_detail detail;
    detail.reason = "provider_unknown";
    std::string sentence = "There is no such provider.";
    detail.fields.push_back({"/provider", "known", "", sentence});
    return make_error(errc::invalid_input, std::move(sentence), std::move(detail));
  }
  if (!known->base_url.empty()) fill(wish, &model_config::base_url, known->base_url);
  if (!known->default_model.empty()) fill(wish, &model_config::model, known->default_model);
  constexpr size_t name_bytes_max = 100;
  if (wish.has(&model_config::model) && wish.value.model.size() <= name_bytes_max)
    fill(wish, &model_config::name, wish.value.model);
  auto* model = find_model(*known, wish.value.model);
  if (!model) return caf::unit;
  fill(wish, &model_config::context_window, model->context_window);
  if (model->output_max > 0) {
    // Some write as much as they read: half the window is left to the conversation.
    auto window = wish.value.context_window;
    fill(wish, &model_config::max_tokens,
         std::clamp(model->output_max, 1, std::max(1, window / 2)));
  }
  fill(wish, &model_config::capabilities, std::optional{model->capabilities});
  auto is_own_url = known->base_url.empty() ||
                    without_slashes(wish.value.base_url) == without_slashes(known->base_url);
  if (is_own_url && model->prices) fill(wish, &model_config::prices, model->prices);
  return caf::unit;
}

std::vector<model_doubt> catalogue::doubts_of(const model_config& model) const {
  auto* known = find(model.provider);
  if (!known && !find_dialect(model.provider)) return {model_doubt::provider_unknown};
  if (known && known->is_local) return {};
  std::vector<model_doubt> doubts;
  if (known && !find_model(*known, model.model)) doubts.push_back(model_doubt::model_unknown);
  if (!model.prices) doubts.push_back(model_doubt::price_missing);
  return doubts;
}

}  // namespace parley::providers

// parley models: the configured models against the catalogue of providers.
#include <iostream>

#include "app/blocking_ask.hpp"
#include "app/commands.hpp"
#include "app/node.hpp"
#include "providers/catalogue.hpp"

namespace parley::app {

namespace {

std::string_view sentence_of(providers::model_doubt doubt) {
  switch (doubt) {
    case providers::model_doubt::provider_unknown:
      return "there is no such provider";
    case providers::model_doubt::model_unknown:
      return "the catalogue does not know this model";
    case providers::model_doubt::price_missing:
      return "it has no price";
  }
  return "";
}

}  // namespace

int check_models(const configuration& config) {
  auto presets = providers::catalogue::load(config.values.providers_dir);
  if (!presets) return report(presets.error());
  auto opened = node::start(config.values, {.serves = false});
  if (!opened) return report(opened.error());
  auto found =
      ask_and_wait<model_list>((*opened)->system(), (*opened)->admin(), list_system_models{});
  if (!found) return report(found.error());
  size_t doubts = 0;
  for (const auto& model : found->items) {
    for (auto doubt : presets->doubts_of(model)) {
      std::cout << model.name << " (" << model.provider << ", " << model.model
                << "): " << sentence_of(doubt) << "\n";
      ++doubts;
    }
  }
  size_t known = 0;
  for (const auto& each : presets->presets()) known += each.models.size();
  std::cout << found->items.size() << " system models, " << doubts << " doubts; the catalogue has "
            << presets->presets().size() << " providers with " << known << " models.\n";
  return doubts == 0 ? 0 : 1;
}

}  // namespace parley::app

/// Makes what a new installation needs, without a person at the terminal: ADMIN, models, settings.
#pragma once

#include <string>
#include <vector>

#include "app/node.hpp"
#include "schema/model.hpp"
#include "schema/system.hpp"

namespace parley::app {

struct setup_wish {
  std::string admin_username;  ///< empty: none
  secret_text admin_password;
  std::string admin_email;
  std::vector<patch_of<model_config>> models;  ///< system models
  patch_of<system_settings> system;
};

/// One line for each thing: "made …" or "… is there already". What is there is left as it is, so a
/// second run changes nothing. Blocks.
expected<std::vector<std::string>> set_up(node& on, const setup_wish& wish);

/// A file with {"models":[…],"settings":{…}}; fields as in the API.
expected<void> read_setup_file(const std::string& path, setup_wish& into);

}  // namespace parley::app

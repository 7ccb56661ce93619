#include "app/setup.hpp"

#include "app/blocking_ask.hpp"
#include "base/record_json.hpp"
#include "base/text_file.hpp"

namespace parley::app {

namespace {

expected<std::string> make_admin(node& on, const setup_wish& wish) {
  TRY(auto known, ask_and_wait<login_methods>(on.system(), on.admin(), get_methods{}));
  if (!known.needs_setup) return std::string{"accounts are there already"};
  make_user message;
  message.account.set(&user::username, wish.admin_username);
  if (!wish.admin_email.empty()) message.account.set(&user::email, wish.admin_email);
  message.password = wish.admin_password;
  message.role = role::admin;
  TRY(auto made, ask_and_wait<user>(on.system(), on.admin(), std::move(message)));
  return "made the ADMIN " + made.username;
}

/// The same error, whose sentence says what it is about: one file may have many models.
error faults_of(const std::string& what, const error& cause) {
  return make_error(code_of(cause), what + ": " + sentence_of(cause), detail_of(cause));
}

expected<std::string> make_model(node& on, const patch_of<model_config>& wanted) {
  TRY(auto known, ask_and_wait<model_list>(on.system(), on.admin(), list_system_models{}));
  for (const auto& model : known.items)
    if (wanted.has(&model_config::name) && model.name == wanted.value.name)
      return "the model " + wanted.value.name + " is there already";
  auto made = ask_and_wait<model_config>(on.system(), on.admin(), add_system_model{wanted, {}});
  // Without a name it is the preset's, which may be taken as well.
  if (!made && detail_of(made.error()).reason == "name_taken")
    return std::string{"a model of that name is there already"};
  if (!made) return faults_of("the model \"" + wanted.value.name + "\"", made.error());
  return "made the model " + made->name;
}

expected<std::string> change_settings(node& on, const patch_of<system_settings>& wanted) {
  TRY(auto known, ask_and_wait<system_settings>(on.system(), on.admin(), get_system{}));
  auto changed = known;
  wanted.apply_to(changed);
  if (json_of(changed) == json_of(known)) return std::string{"the settings are so already"};
  TRY(known, ask_and_wait<system_settings>(on.system(), on.admin(), change_system{wanted, 0}));
  return std::string{"changed the settings"};
}

}  // namespace

expected<std::vector<std::string>> set_up(node& on, const setup_wish& wish) {
  std::vector<std::string> lines;
  if (!wish.admin_username.empty()) {
    TRY(auto line, make_admin(on, wish));
    lines.push_back(std::move(line));
  }
  for (const auto& wanted : wish.models) {
    TRY(auto line, make_model(on, wanted));
    lines.push_back(std::move(line));
  }
  if (!wish.system.is_empty()) {
    TRY(auto line, change_settings(on, wish.system));
    lines.push_back(std::move(line));
  }
  return lines;
}

expected<void> read_setup_file(const std::string& path, setup_wish& into) {
  TRY(auto text, read_text_file(path));
  json_reader reader;
  auto body = reader.parse(text);
  if (!body) return make_error(errc::malformed, path + ": " + sentence_of(body.error()));
  for (const auto& [name, content] : body->members()) {
    if (name == "models") {
      for (const auto& item : content.items()) {
        auto model = decode<model_config>(item, use::in_create);
        auto place = path + ": model " + std::to_string(into.models.size() + 1);
        if (!model) return faults_of(place, model.error());
        into.models.push_back(std::move(*model));
      }
    } else if (name == "settings") {
      TRY(into.system, decode<system_settings>(content, use::in_patch));
    } else {
      return make_error(errc::invalid_input,
                        path + ": knows models and settings, not \"" + std::string{name} + "\".");
    }
  }
  return {};
}

}  // namespace parley::app

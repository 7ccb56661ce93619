// Accounts and folders of another installation.
#include "app/mover.hpp"
#include "base/password.hpp"
#include "base/text.hpp"
#include "chat/import_tree.hpp"
#include "storage/rows.hpp"

namespace parley::app {

namespace {

constexpr size_t username_length_max = 64;

bool is_username(std::string_view name) {
  auto length = count_code_points(name);
  return length >= 2 && length <= username_length_max && is_utf8(name) && check_username(name);
}

/// For whom has no address that can be a name: the name there, told apart by the id there.
std::string made_username(const storage::openwebui_user& theirs) {
  std::string_view given = is_utf8(theirs.name) ? std::string_view{theirs.name} : "user";
  constexpr size_t length_max = 40;
  std::string name;
  for (char c : cut_utf8(given, length_max)) name += check_username({&c, 1}) ? c : '.';
  return name + "-" + std::string{cut_utf8(theirs.id, 8)};
}

/// The account with the first reason for which it differs from the one there.
user account_of(const storage::openwebui_user& theirs, instant now, std::string& change) {
  auto note = [&](std::string_view reason) {
    if (change.empty()) change = reason;
  };
  user made;
  made.id = user_id::make();
  made.created_at = theirs.created_at.ms > 0 ? theirs.created_at : now;
  made.updated_at = now;
  // Whoever logged in there with an address does so here.
  made.username = theirs.email;
  if (!is_username(made.username)) {
    made.username = made_username(theirs);
    note("username_made");
  }
  constexpr size_t email_length_max = 254;
  if (theirs.email.size() >= 3 && theirs.email.size() <= email_length_max && is_utf8(theirs.email))
    made.email = theirs.email;
  if (!theirs.name.empty() && is_utf8(theirs.name)) made.display_name = fit_title(theirs.name);
  if (theirs.role == "admin") made.role = role::admin;
  if (auto hash = adopt_bcrypt_hash(theirs.password)) {
    made.password_hash = *hash;
  } else {
    made.status = user_status::invited;
    note("password_missing");
  }
  if (theirs.role == "pending" || !theirs.is_active) {
    made.status = user_status::disabled;
    note("disabled");
  } else if (theirs.role != "admin" && theirs.role != "user") {
    note("role_unknown");
  }
  return made;
}

void count(import_counts& into, const std::string& change) {
  if (change.empty())
    ++into.taken;
  else
    ++into.changed[change];
}

}  // namespace

expected<void> mover::move_users() {
  return parts_.from->each_user(
      [this](storage::openwebui_user&& theirs) { return move_user(std::move(theirs)); });
}

expected<void> mover::move_user(storage::openwebui_user&& theirs) {
  std::string change;
  auto account = account_of(theirs, parts_.now, change);
  if (parts_.to != nullptr) {
    auto known = parts_.to->prepare(
        "SELECT id FROM users WHERE username=? COLLATE NOCASE AND status<>'erased'");
    known.bind(account.username);
    TRY(auto id, found<user_id>(std::move(known)));
    if (id) {
      users_[theirs.id] = *id;
      ++report_.users.left_out["already_there"];
      return {};
    }
  }
  TRY_DONE(store(create_user{account, false}));
  users_[theirs.id] = account.id;
  count(report_.users, change);
  return {};
}

// Parents before their children; what nothing leads to stands at the top.
expected<void> mover::move_folders() {
  std::vector<storage::openwebui_folder> left;
  std::map<std::string, std::string> parents;
  TRY_DONE(parts_.from->each_folder([&](storage::openwebui_folder&& one) -> expected<void> {
    parents[one.id] = one.parent_id;
    left.push_back(std::move(one));
    return {};
  }));
  while (!left.empty()) {
    std::vector<storage::openwebui_folder> waiting;
    for (auto& one : left) {
      auto is_waiting = parents.count(one.parent_id) != 0 && folders_.count(one.parent_id) == 0;
      if (is_waiting)
        waiting.push_back(std::move(one));
      else
        TRY_DONE(move_folder(one, !one.parent_id.empty() && parents.count(one.parent_id) == 0));
    }
    if (waiting.size() == left.size()) {
      // In a ring, or under one that could not be moved.
      for (auto& one : waiting) {
        one.parent_id.clear();
        TRY_DONE(move_folder(one, true));
      }
      return {};
    }
    left = std::move(waiting);
  }
  return {};
}

expected<void> mover::move_folder(const storage::openwebui_folder& theirs, bool is_misplaced) {
  auto owner = users_.find(theirs.user_id);
  if (owner == users_.end()) {
    ++report_.folders.left_out["owner_missing"];
    return {};
  }
  constexpr size_t name_length_max = 200;
  folder made;
  made.id = folder_id::make();
  made.owner_id = owner->second;
  made.name = fit_title(is_utf8(theirs.name) ? theirs.name : repair_utf8(theirs.name));
  if (made.name.empty()) made.name = "?";
  std::string change = is_misplaced ? "parent_missing" : "";
  if (made.name != theirs.name && count_code_points(theirs.name) > name_length_max)
    change = "name_cut";
  made.created_at = theirs.created_at.ms > 0 ? theirs.created_at : parts_.now;
  made.updated_at = parts_.now;
  if (auto parent = folders_.find(theirs.parent_id); parent != folders_.end())
    made.parent_id = parent->second;
  if (auto data = json_.parse(theirs.data.empty() ? "{}" : theirs.data))
    if (auto prompt = text_at(*data, "system_prompt"); !prompt.empty())
      made.system_prompt = std::string{cut_utf8(prompt, 32768)};
  if (parts_.to != nullptr) {
    auto known = parts_.to->prepare(
        "SELECT id FROM folders WHERE owner_id=?1 AND name=?2 AND parent_id IS ?3");
    known.bind(made.owner_id, made.name);
    storage::detail::bind_value(known, made.parent_id);
    TRY(auto id, found<folder_id>(std::move(known)));
    if (id) {
      folders_[theirs.id] = *id;
      ++report_.folders.left_out["already_there"];
      return {};
    }
  }
  TRY_DONE(store(create_folder{made}));
  folders_[theirs.id] = made.id;
  count(report_.folders, change);
  return {};
}

}  // namespace parley::app

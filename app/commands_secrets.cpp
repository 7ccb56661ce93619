// parley secrets rotate: other keys for what is sealed and signed from the next start on.
#include <iostream>

#include "app/commands.hpp"
#include "base/secrets_file.hpp"

namespace parley::app {

int rotate_secrets(const configuration& config) {
  auto turned = turn_secrets(config.values.data_dir);
  if (!turned) return report(turned.error());
  std::cout
      << "secrets.json in " << config.values.data_dir << " has new keys, which hold from the "
      << "next start of the server on.\nIt then seals the API keys of models anew, and at the "
         "start after that the old key goes.\nAccess tokens end at that start; clients refresh "
         "them. Keep a copy of the new file;\na backup made before needs the old one.\n";
  return 0;
}

}  // namespace parley::app

/// The script of the page at /docs: npm's redoc, which the build puts beside the token tables.
#pragma once

#include "base/settings.hpp"
#include "http/node_status.hpp"

namespace parley::app {

/// From the folder `reading_page` beside that of the token tables; empty if it is not there.
http::page_script read_reading_script(const settings& values);

}  // namespace parley::app

// `portfire inspect --html`: a program as one page that needs nothing else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/listing.h"
#include "cli/profile.h"

namespace portfire::cli {

// What the page shows, as JSON. `profiles`: of each method, or none.
std::string page_data(const std::string& path, const ProgramView& program, const std::vector<Listing>& methods,
                      const std::vector<Profile>& profiles);
// The page (cli/html/) with that in it.
std::string page(std::string_view data);

}  // namespace portfire::cli

// SPDX-License-Identifier: Apache-2.0
// Scripts to drawings: gnuplot as a child with the scripts on its standard input, and its SVG as
// part of a page.
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "bench/report/figures/panel.h"
#include "bench/text/html.h"

extern char** environ;

namespace permafrost {
namespace {

// A file without a name, so that neither side waits for the other to read.
class Scratch {
 public:
  Scratch() : descriptor_(::memfd_create("permafrost", MFD_CLOEXEC)) {}
  ~Scratch() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  int descriptor() const { return descriptor_; }

  bool write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t n = ::write(descriptor_, text.data(), text.size());
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return ::lseek(descriptor_, 0, SEEK_SET) == 0;
  }

  std::string read() const {
    std::string text;
    std::array<char, 65536> block{};
    if (::lseek(descriptor_, 0, SEEK_SET) != 0) return text;
    for (ssize_t n = 0; (n = ::read(descriptor_, block.data(), block.size())) > 0;)
      text.append(block.data(), static_cast<std::size_t>(n));
    return text;
  }

 private:
  int descriptor_;
};

struct Ended {
  std::string out, problem;
  bool started = false;
};

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text.substr(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);
}

// -d: no start-up files, so that a drawing does not depend on whose machine it is.
Ended run_gnuplot(const std::string& script) {
  const Scratch in, out, err;
  if (in.descriptor() < 0 || out.descriptor() < 0 || err.descriptor() < 0 || !in.write(script))
    return {.problem = "gnuplot: no memory for its script"};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.descriptor(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out.descriptor(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err.descriptor(), STDERR_FILENO);
  std::string program = "gnuplot", defaults = "-d", standard_input = "-";
  std::array<char*, 4> arguments{program.data(), defaults.data(), standard_input.data(), nullptr};
  pid_t child = 0;
  const int failed =
      ::posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0)
    return {.problem = std::string("gnuplot could not be started (") + std::strerror(failed) +
                       "; on Debian: apt-get install gnuplot-nox)"};
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return {.problem = "gnuplot failed: " + last_line(err.read()), .started = true};
  return {.out = out.read(), .started = true};
}

std::vector<std::string> documents_of(const std::string& text) {
  std::vector<std::string> documents;
  const std::string start = "<?xml";
  for (std::size_t at = text.find(start); at != std::string::npos;) {
    const std::size_t next = text.find(start, at + 1);
    documents.push_back(text.substr(at, next == std::string::npos ? next : next - at));
    at = next;
  }
  return documents;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// Takes out every piece from `begin` to the end of `end`.
void drop_between(std::string& text, const std::string& begin, const std::string& end) {
  for (std::size_t at = 0; (at = text.find(begin, at)) != std::string::npos;) {
    const std::size_t stop = text.find(end, at + begin.size());
    if (stop == std::string::npos) return;
    text.erase(at, stop + end.size() - at);
  }
}

// What stands between <defs>, the titles and the names of gnuplot's groups would be there once for
// every panel; erasing strokes of white are for paper.
std::string body_of(std::string svg) {
  drop_between(svg, "<?xml", "<g id=\"gnuplot_canvas\">");
  drop_between(svg, "<defs>", "</defs>");
  drop_between(svg, "<title>", "</title>");
  for (const char* attribute : {" id=\"gnuplot_plot", " font-family=\""})
    drop_between(svg, attribute, "\"");
  replace_all(svg, " class=\"gridline\"", "");
  const std::size_t end = svg.rfind("</g>");
  svg.resize(end == std::string::npos ? 0 : end);
  std::string kept;
  for (std::size_t at = 0; at < svg.size();) {
    std::size_t stop = svg.find('\n', at);
    stop = stop == std::string::npos ? svg.size() : stop + 1;
    const std::string line = svg.substr(at, stop - at);
    const bool erases = line.find("color='white'/>") != std::string::npos;
    if (!erases && line != "\n") kept += line;
    at = stop;
  }
  drop_between(kept, "<rect x=\"0\" y=\"0\"", "/>");
  return kept;
}

void drop_empty_groups(std::string& svg) {
  const std::string end = ">\n</g>\n";
  for (std::size_t at = svg.find(end); at != std::string::npos;) {
    const std::size_t begin = svg.rfind('<', at);
    const bool empty = begin != std::string::npos && svg.compare(begin, 2, "<g") == 0;
    if (empty) svg.erase(begin, at + end.size() - begin);
    at = svg.find(end, empty ? (begin > 8 ? begin - 8 : 0) : at + 1);
  }
}

// rgb( 1, 2, ink) to the page's variable; the shared shapes by their short name.
std::string with_inks(const std::string& svg) {
  std::string out;
  for (std::size_t at = 0; at < svg.size();) {
    const std::size_t start = svg.find("rgb(", at);
    out += svg.substr(at, start == std::string::npos ? start : start - at);
    if (start == std::string::npos) break;
    int red = 0, green = 0, blue = 0, length = 0;
    const bool found = std::sscanf(svg.c_str() + start, "rgb( %d , %d , %d )%n", &red, &green,
                                   &blue, &length) == 3 &&
                       length > 0;
    out += found && red == 1 && green == 2 ? ink_variable(blue) : "currentColor";
    at = found ? start + static_cast<std::size_t>(length) : start + 4;
  }
  replace_all(out, "xlink:href", "href");
  replace_all(out, " = '", "='");
  replace_all(out, " color=\"black\"", "");
  replace_all(out, " color=\"gray\"", "");
  replace_all(out, " color=\"white\"", "");
  replace_all(out, " stroke-linecap=\"butt\" stroke-linejoin=\"miter\"", "");
  replace_all(out, "stroke='black'", "stroke='var(--axis)'");
  drop_empty_groups(out);
  return out;
}

void fill(Panel& panel, const std::string& document) {
  std::string svg = with_inks(body_of(document));
  // From the last, so that a text that looks like a placeholder stays as it is.
  const auto& labels = panel.script.labels();
  std::string out;
  for (std::size_t at = 0; at < svg.size();) {
    const std::size_t start = svg.find("@@", at);
    const std::size_t stop = start == std::string::npos ? start : svg.find("@@", start + 2);
    out += svg.substr(at, stop == std::string::npos ? stop : start - at);
    if (stop == std::string::npos) break;
    const auto index = static_cast<std::size_t>(std::atoi(svg.c_str() + start + 2));
    if (index < labels.size()) out += html_text(labels[index]);
    at = stop + 2;
  }
  panel.svg = html_element(
      "svg",
      {{"viewBox", "0 0 " + std::to_string(panel.width) + " " + std::to_string(panel.height)},
       {"width", std::to_string(panel.width)},
       {"height", std::to_string(panel.height)},
       {"role", "img"},
       {"aria-label", panel.alt}},
      html_element("title", html_text(panel.title)) + out);
}

}  // namespace

std::optional<std::string> draw_panels(const std::vector<Panel*>& panels) {
  std::string script;
  std::vector<Panel*> wanted;
  for (Panel* panel : panels) {
    if (!panel->svg.empty() || panel->script.text().empty()) continue;
    script += panel->script.text();
    wanted.push_back(panel);
  }
  if (wanted.empty()) return std::nullopt;
  const Ended ended = run_gnuplot(script);
  const auto documents = documents_of(ended.out);
  if (documents.size() == wanted.size()) {
    for (std::size_t k = 0; k < wanted.size(); ++k) fill(*wanted[k], documents[k]);
    return std::nullopt;
  }
  if (wanted.size() == 1 || !ended.started)
    return ended.problem.empty() ? "gnuplot drew nothing" : ended.problem;
  // One that it does not draw must not take the others with it.
  std::optional<std::string> problem;
  for (Panel* panel : wanted)
    if (auto one = draw_panels({panel})) problem = std::move(one);
  return problem;
}

}  // namespace permafrost

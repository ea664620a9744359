// SPDX-License-Identifier: Apache-2.0
#include "bench/report/page/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "bench/records/record_folder.h"
#include "bench/testing/test_results.h"
#include "common/error.h"

namespace permafrost {
namespace report_test {
namespace fs = std::filesystem;

// A page, tag by tag. Stricter than HTML: every element but the void ones is closed in order,
// attributes are quoted and named once, text holds no '<' and '&' only before a known entity.
struct Page {
  std::set<std::string> ids;
  std::vector<std::string> links, images, problems;
  std::map<std::string, int> elements;
  std::vector<std::string> numbers_without_link;  // percentages in cells of values

  explicit Page(const std::string& html) : html_(html) {
    while (at_ < html_.size()) html_[at_] == '<' ? tag() : text();
    if (!open_.empty()) problems.push_back("never closed: " + open_.back());
  }

 private:
  void fail(const std::string& what) {
    problems.push_back(what + " near " + html_.substr(at_, 60));
  }

  void text() {
    const std::size_t end = std::min(html_.find('<', at_), html_.size());
    const std::string piece = html_.substr(at_, end - at_);
    if (!open_.empty() && open_.back() != "style")
      for (std::size_t k = piece.find('&'); k != std::string::npos; k = piece.find('&', k + 1)) {
        static const std::set<std::string> known{"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
        if (known.count(piece.substr(k, piece.find(';', k) - k + 1)) == 0) fail("a bare &");
      }
    const bool in_values = std::count(classes_.begin(), classes_.end(), "values") > 0;
    const bool in_cell = std::count(open_.begin(), open_.end(), "td") > 0;
    if (in_values && in_cell && std::count(open_.begin(), open_.end(), "a") == 0 &&
        piece.find_first_of("0123456789") != std::string::npos)
      numbers_without_link.push_back(piece);
    at_ = end;
  }

  void tag() {
    if (html_.compare(at_, 9, "<!DOCTYPE") == 0) {
      at_ = html_.find('>', at_) + 1;
      return;
    }
    const bool closing = html_[at_ + 1] == '/';
    std::size_t k = at_ + (closing ? 2 : 1);
    std::string name;
    while (k < html_.size() && std::isalnum(static_cast<unsigned char>(html_[k])))
      name += html_[k++];
    if (name.empty()) fail("no name");
    std::set<std::string> named;
    std::string css;
    bool closed = false;
    while (k < html_.size() && html_[k] != '>') {
      if (std::isspace(static_cast<unsigned char>(html_[k]))) {
        ++k;
      } else if (html_[k] == '/' && html_[k + 1] == '>') {
        closed = true;
        ++k;
      } else {
        k = attribute(name, k, named, css);
      }
    }
    at_ = k + 1;
    if (closing) {
      if (open_.empty() || open_.back() != name)
        fail("</" + name + "> closes " + (open_.empty() ? "nothing" : open_.back()));
      else
        open_.pop_back(), classes_.pop_back();
      return;
    }
    ++elements[name];
    if (closed || name == "meta" || name == "br") return;
    open_.push_back(name);
    classes_.push_back(css);
  }

  std::size_t attribute(const std::string& element, std::size_t k, std::set<std::string>& named,
                        std::string& css) {
    const std::size_t equals = html_.find('=', k);
    const std::string key = html_.substr(k, equals - k);
    const char quote = html_[equals + 1];
    if (quote != '"' && quote != '\'') fail("an attribute without quotes");
    const std::size_t end = html_.find(quote, equals + 2);
    const std::string value = html_.substr(equals + 2, end - equals - 2);
    if (!named.insert(key).second) fail("twice: " + key);
    if (value.find('<') != std::string::npos) fail("a < in an attribute");
    if (key.rfind("on", 0) == 0) fail("a handler: " + key);
    if (key == "id" && !ids.insert(value).second) fail("id twice: " + value);
    if (key == "href" || key == "src") (element == "image" ? images : links).push_back(value);
    if (key == "class") css = value;
    return end + 1;
  }

  const std::string& html_;
  std::size_t at_ = 0;
  std::vector<std::string> open_, classes_;
};

void expect_sound(const std::string& html, const fs::path& folder) {
  const Page page(html);
  EXPECT_TRUE(page.problems.empty()) << page.problems[0];
  EXPECT_TRUE(page.numbers_without_link.empty()) << page.numbers_without_link[0];
  for (const auto& link : page.links) {
    if (link[0] == '#')
      EXPECT_EQ(page.ids.count(link.substr(1)), 1U) << link;
    else
      EXPECT_TRUE(fs::is_regular_file(folder / link)) << link;
  }
  for (const auto& image : page.images)
    EXPECT_EQ(image.rfind("data:image/png;base64,", 0), 0U) << image.substr(0, 60);
  for (const char* never : {"script", "iframe", "object", "embed", "link", "base", "form"})
    EXPECT_EQ(page.elements.count(never), 0U) << never;
}

TEST(Report, IsSoundAndEveryNumberLeadsToItsRecord) {
  const TestResults folder;
  folder.fill();
  const Report report = make_report(folder.path(), folder / "report.html");
  EXPECT_EQ(report.tables, 2U);
  EXPECT_EQ(report.records, 20U);
  expect_sound(report.html, folder.path());
  const Page page(report.html);
  for (const auto& key : record_keys(folder.path())) EXPECT_EQ(page.ids.count("record-" + key), 1U);
  EXPECT_EQ(page.ids.count("table-0-row-1-column-0"), 1U);
  EXPECT_EQ(page.ids.count("table-1-verdict-1"), 1U);
  EXPECT_NE(report.html.find("<dd>2026-01-31</dd>"), std::string::npos);
  EXPECT_NE(report.html.find("paper <a href=\"#table-0-source\">61.0</a>"), std::string::npos);
}

TEST(Report, LetsNoNameOfAFileBecomeMarkup) {
  const TestResults folder;
  folder.fill("</td><script>alert(1)</script>\"'&`touch x` @@0@@ <img src=x onerror=y>");
  const Report report = make_report(folder.path(), folder / "report.html");
  expect_sound(report.html, folder.path());
  EXPECT_EQ(report.html.find("<script"), std::string::npos);
  EXPECT_EQ(report.html.find("<img"), std::string::npos);
  EXPECT_NE(report.html.find("&lt;script&gt;alert(1)"), std::string::npos);
}

TEST(Report, IsTheSameForTheSameFolder) {
  const TestResults folder;
  folder.fill();
  const std::string first = make_report(folder.path(), folder / "report.html").html;
  write_report(folder.path(), folder / "report.html");
  EXPECT_EQ(read_file(folder / "report.html"), first);
  EXPECT_EQ(make_report(folder.path(), folder / "report.html").html, first)
      << "a report beside the tables changes it";
}

TEST(Report, LinksToTheFolderFromWhereItLies) {
  const TestResults folder, elsewhere;
  folder.fill();
  const std::string key = record_keys(folder.path())[0];
  const auto expect_link = [&](const fs::path& out, const std::string& link) {
    const std::string html = make_report(folder.path(), out).html;
    EXPECT_NE(html.find("href=\"" + link + "records/" + key + ".json\""), std::string::npos) << out;
  };
  expect_link(folder / "report.html", "");
  expect_link(folder / "sub/r.html", "../");
  expect_link(elsewhere / "r.html", "../" + folder.path().filename().string() + "/");
  const fs::path odd = folder.path().parent_path() / (folder.path().filename().string() + " #1");
  fs::rename(folder.path(), odd);
  const std::string html = make_report(odd, elsewhere / "r.html").html;
  EXPECT_NE(html.find("%20%231/records/"), std::string::npos);
  fs::rename(odd, folder.path());
}

TEST(Report, OfHalfAFolderSaysWhatIsMissing) {
  const TestResults folder;
  folder.fill();
  fs::remove_all(folder / "predictions");
  fs::remove(record_path(folder.path(), record_keys(folder.path())[0]));
  Report report = make_report(folder.path(), folder / "report.html");
  expect_sound(report.html, folder.path());
  EXPECT_NE(report.html.find("19 records have no predictions"), std::string::npos);
  EXPECT_NE(report.html.find("not in this folder"), std::string::npos);
  EXPECT_NE(report.html.find("no predictions of a frozen column"), std::string::npos);

  fs::remove_all(folder / "records");
  report = make_report(folder.path(), folder / "report.html");
  expect_sound(report.html, folder.path());
  EXPECT_NE(report.html.find("no record holds a sweep"), std::string::npos);
  EXPECT_NE(report.html.find("There are no records in this folder"), std::string::npos);
}

TEST(Report, OfTheCommittedTablesIsSoundWithoutRecords) {
  const fs::path folder = fs::path(PERMAFROST_SOURCE_DIR) / "results/pico";
  const std::string html = make_report(folder, folder / "report.html").html;
  expect_sound(html, folder);
  // Answers first, then the first table; hashes and encoders come at the end.
  const auto at = [&](const std::string& id) { return html.find("id=\"" + id + "\""); };
  EXPECT_LT(at("answers"), at("table-0"));
  EXPECT_LT(at("table-0"), at("verdicts"));
  EXPECT_LT(at("verdicts"), at("table-1"));
  EXPECT_LT(at("table-1"), at("measured"));
  EXPECT_LT(at("measured"), at("records"));
  EXPECT_LT(at("records"), html.size());
}

TEST(Report, OfTheBaselinePutsTablesTogetherAndDrawsTheZoo) {
  const fs::path folder = fs::path(PERMAFROST_SOURCE_DIR) / "results/baseline";
  const Report report = make_report(folder, folder / "report.html");
  expect_sound(report.html, folder);
  EXPECT_EQ(report.records, 16U);
  EXPECT_NE(report.html.find("id=\"training\""), std::string::npos);
  EXPECT_NE(report.html.find("id=\"masks\""), std::string::npos);
}

TEST(Report, RefusesAFolderWithNothingInIt) {
  const TestResults folder;
  EXPECT_THROW(write_report(folder.path(), folder / "report.html"), InputError);
  EXPECT_FALSE(fs::exists(folder / "report.html"));
}

}  // namespace report_test
}  // namespace permafrost

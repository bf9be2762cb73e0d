# The page of `portfire inspect --html` as C++: cmake -DFOLDER=cli/html -DOUT=page_text.cc -P page.cmake
file(READ ${FOLDER}/page.html page)
file(READ ${FOLDER}/style.css style)
set(script "")
foreach(name base layout graph memory sizes table details file main)
  file(READ ${FOLDER}/${name}.js part)
  string(APPEND script "${part}")
endforeach()
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")
string(FIND "${page}" "@DATA@" at)
string(SUBSTRING "${page}" 0 ${at} head)
math(EXPR at "${at} + 6")
string(SUBSTRING "${page}" ${at} -1 tail)
file(WRITE ${OUT} "#include <string_view>
namespace portfire::cli {
extern const std::string_view kPageHead, kPageTail;
const std::string_view kPageHead = R\"~page~(${head})~page~\";
const std::string_view kPageTail = R\"~page~(${tail})~page~\";
}
")

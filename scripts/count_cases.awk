# Reads the JUnit report of CTest and prints how many cases passed and failed. GoogleTest ends with how many of its cases did;
# another program is one case. What a program that died can't tell any more counts as one failure.
function settle() {
  if (state == "run") passed += cases_passed ? cases_passed : 1
  if (state == "fail") { passed += cases_passed; failed += cases_failed ? cases_failed : 1 }
  if (state == "notrun") failed += 1
  state = ""
  cases_passed = cases_failed = 0
}
/<testcase / { settle(); match($0, /status="[a-z]+"/); state = substr($0, RSTART + 8, RLENGTH - 9) }
/\[  PASSED  \] [0-9]+ tests?/ { match($0, /PASSED  \] [0-9]+/); cases_passed = substr($0, RSTART + 10) + 0 }
/\[  FAILED  \] [0-9]+ tests?, listed/ { match($0, /FAILED  \] [0-9]+/); cases_failed = substr($0, RSTART + 10) + 0 }
END { settle(); print passed + 0, failed + 0 }

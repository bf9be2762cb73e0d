# Compiles every archive of a folder: cmake -DPORTFIRE=binary -DCORPUS=folder -DOUT=folder -P compile_corpus.cmake
file(GLOB archives ${CORPUS}/*.pt2)
file(MAKE_DIRECTORY ${OUT})
foreach(archive ${archives})
  get_filename_component(name ${archive} NAME_WE)
  foreach(precision f32 bf16)
    execute_process(COMMAND ${PORTFIRE} compile ${archive} -o ${OUT}/${name}.${precision}.pte --precision ${precision}
                    RESULT_VARIABLE code OUTPUT_QUIET)
    if(NOT code EQUAL 0)
      message(FATAL_ERROR "${archive}: exit code ${code}")
    endif()
  endforeach()
endforeach()

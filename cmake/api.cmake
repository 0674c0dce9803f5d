# The API: from packaged descriptors to C (see proto/lift_descriptors.py, proto/generate.py). Defines the target fermata_api.

set(FERMATA_API_DIR "" CACHE PATH "A checkout of the API's .proto files, in place of the packaged descriptors")

find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_program(PROTOC protoc REQUIRED)
find_program(PROTOC_GEN_C protoc-gen-c REQUIRED)

set(api_full ${CMAKE_BINARY_DIR}/api_full.pb)
set(api_bare ${CMAKE_BINARY_DIR}/api_bare.pb)
file(GLOB api_own CONFIGURE_DEPENDS proto/fermata/*.proto)
file(GLOB api_wheels CONFIGURE_DEPENDS build/deps/wheels/*.whl)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
    ${api_own} proto/descriptors.py proto/lift_descriptors.py proto/generate.py proto/http_rules.py
    proto/wheels.txt)

# The descriptor sets are made while configuring, because they say which C files there will be.
execute_process(
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/proto/lift_descriptors.py
        --wheels ${CMAKE_SOURCE_DIR}/build/deps/wheels --own ${CMAKE_SOURCE_DIR}/proto
        --full ${api_full} --bare ${api_bare} --api-dir=${FERMATA_API_DIR}
    OUTPUT_VARIABLE api_files OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" api_files "${api_files}")
list(TRANSFORM api_files REPLACE "\\.proto$" "" OUTPUT_VARIABLE api_stems)
list(TRANSFORM api_stems PREPEND ${GENERATED_DIR}/)
list(TRANSFORM api_stems APPEND .pb-c.c OUTPUT_VARIABLE api_sources)
list(TRANSFORM api_stems APPEND .pb-c.h OUTPUT_VARIABLE api_headers)

add_custom_command(
    OUTPUT ${api_sources} ${api_headers} ${GENERATED_DIR}/proto/api.h ${GENERATED_DIR}/proto/rpc_table.def
        ${GENERATED_DIR}/proto/descriptor_files.c ${GENERATED_DIR}/proto/message_types.c
        ${GENERATED_DIR}/proto/http_routes.def
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/proto/generate.py
        --full ${api_full} --bare ${api_bare} --out ${GENERATED_DIR}
    DEPENDS ${api_full} ${api_bare} proto/generate.py proto/descriptors.py proto/http_rules.py
    COMMENT "Generating C from the API's descriptors")

add_custom_command(
    OUTPUT ${GENERATED_DIR}/proto/openapi.c
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/proto/openapi.py
        --full ${api_full} --out ${GENERATED_DIR}/proto/openapi.c
    DEPENDS ${api_full} proto/openapi.py proto/descriptors.py proto/http_rules.py
    COMMENT "Describing the HTTP API")

# Generated code: tables and initializers. Neither our warnings nor the sanitizers have anything to find in it.
add_library(fermata_api STATIC ${api_sources} ${GENERATED_DIR}/proto/descriptor_files.c
    ${GENERATED_DIR}/proto/message_types.c ${GENERATED_DIR}/proto/openapi.c)
target_include_directories(fermata_api SYSTEM PUBLIC ${GENERATED_DIR})
target_include_directories(fermata_api PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(fermata_api PRIVATE -std=gnu11 -w -Ulinux)
target_link_libraries(fermata_api PUBLIC protobuf-c)
add_custom_target(fermata_generated DEPENDS ${GENERATED_DIR}/proto/api.h)

// What Swift does not see of HDF5: types and settings that its headers define as macros, and calls whose signatures
// differ between versions 1.10 and later. Nothing here decides anything; identifiers that are returned belong to the
// caller, and negative numbers are failures.
#pragma once
// Debian keeps the headers apart from those of the parallel library.
#if __has_include(<hdf5/serial/hdf5.h>)
#include <hdf5/serial/hdf5.h>
#else
#include <hdf5.h>
#endif
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { nh5_max_rank = H5S_MAX_RANK };

/// Makes the library ready, and has it keep its complaints for `nh5_reason` instead of printing them.
static inline void nh5_begin(void)
{
  H5open();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

typedef struct {
  char *text;
  size_t capacity;
} nh5_buffer;

static inline herr_t nh5_keep_first(unsigned depth, const H5E_error2_t *error, void *context)
{
  nh5_buffer *buffer = (nh5_buffer *)context;
  if (depth == 0 && error->desc != NULL) {
    strncpy(buffer->text, error->desc, buffer->capacity - 1);
    buffer->text[buffer->capacity - 1] = 0;
  }
  return 0;
}

/// The most specific complaint about the last call; empty when there is none.
static inline void nh5_reason(char *text, size_t capacity)
{
  nh5_buffer buffer = {text, capacity};
  text[0] = 0;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, nh5_keep_first, &buffer);
}

// MARK: Types of elements

enum {
  nh5_unknown = 0,
  nh5_float16, nh5_float32, nh5_float64,
  nh5_int8, nh5_int16, nh5_int32, nh5_int64,
  nh5_uint8, nh5_uint16, nh5_uint32, nh5_uint64,
  nh5_bool, nh5_text,
};

/// The type of truth values as h5py writes it.
static inline hid_t nh5_bool_type(hid_t base)
{
  int8_t no = 0, yes = 1;
  hid_t type = H5Tenum_create(base);
  if (type >= 0) {
    H5Tenum_insert(type, "FALSE", &no);
    H5Tenum_insert(type, "TRUE", &yes);
  }
  return type;
}

/// The type of elements in memory, or as a little-endian file stores them.
static inline hid_t nh5_type(int kind, int is_stored)
{
  switch (kind) {
  case nh5_float32: return H5Tcopy(is_stored ? H5T_IEEE_F32LE : H5T_NATIVE_FLOAT);
  case nh5_float64: return H5Tcopy(is_stored ? H5T_IEEE_F64LE : H5T_NATIVE_DOUBLE);
  case nh5_int8: return H5Tcopy(is_stored ? H5T_STD_I8LE : H5T_NATIVE_INT8);
  case nh5_int16: return H5Tcopy(is_stored ? H5T_STD_I16LE : H5T_NATIVE_INT16);
  case nh5_int32: return H5Tcopy(is_stored ? H5T_STD_I32LE : H5T_NATIVE_INT32);
  case nh5_int64: return H5Tcopy(is_stored ? H5T_STD_I64LE : H5T_NATIVE_INT64);
  case nh5_uint8: return H5Tcopy(is_stored ? H5T_STD_U8LE : H5T_NATIVE_UINT8);
  case nh5_uint16: return H5Tcopy(is_stored ? H5T_STD_U16LE : H5T_NATIVE_UINT16);
  case nh5_uint32: return H5Tcopy(is_stored ? H5T_STD_U32LE : H5T_NATIVE_UINT32);
  case nh5_uint64: return H5Tcopy(is_stored ? H5T_STD_U64LE : H5T_NATIVE_UINT64);
  case nh5_bool: return nh5_bool_type(is_stored ? H5T_STD_I8LE : H5T_NATIVE_INT8);
  default: return -1;
  }
}

/// UTF-8 text of any length.
static inline hid_t nh5_text_type(void)
{
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type >= 0) {
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
  }
  return type;
}

static inline int nh5_is_bool(hid_t type)
{
  int found = 0;
  if (H5Tget_nmembers(type) != 2) return 0;
  for (unsigned index = 0; index < 2; index++) {
    char *name = H5Tget_member_name(type, index);
    if (name == NULL) return 0;
    found |= strcmp(name, "FALSE") == 0 ? 1 : strcmp(name, "TRUE") == 0 ? 2 : 0;
    H5free_memory(name);
  }
  return found == 3;
}

/// Which kind of elements a type of a file stands for.
static inline int nh5_kind(hid_t type)
{
  size_t size = H5Tget_size(type);
  switch (H5Tget_class(type)) {
  case H5T_FLOAT: return size == 2 ? nh5_float16 : size == 4 ? nh5_float32 : size == 8 ? nh5_float64 : nh5_unknown;
  case H5T_INTEGER: {
    int first = H5Tget_sign(type) == H5T_SGN_NONE ? nh5_uint8 : nh5_int8;
    return size == 1 ? first : size == 2 ? first + 1 : size == 4 ? first + 2 : size == 8 ? first + 3 : nh5_unknown;
  }
  case H5T_ENUM: return nh5_is_bool(type) ? nh5_bool : nh5_unknown;
  case H5T_STRING: return nh5_text;
  default: return nh5_unknown;
  }
}

// MARK: Files, groups and links

static inline hid_t nh5_create_file(const char *path)
{
  return H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
}

static inline hid_t nh5_open_file(const char *path) { return H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT); }

static inline int nh5_flush(hid_t file) { return H5Fflush(file, H5F_SCOPE_GLOBAL); }

/// How links are made: with the groups on the way, and names in UTF-8.
static inline hid_t nh5_link_settings(void)
{
  hid_t list = H5Pcreate(H5P_LINK_CREATE);
  if (list >= 0) {
    H5Pset_create_intermediate_group(list, 1);
    H5Pset_char_encoding(list, H5T_CSET_UTF8);
  }
  return list;
}

/// How data sets are made: without the time, so that the same content gives the same file.
static inline hid_t nh5_dataset_settings(void)
{
  hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  if (list >= 0) H5Pset_obj_track_times(list, 0);
  return list;
}

static inline hid_t nh5_create_group(hid_t file, const char *path, hid_t links)
{
  return H5Gcreate2(file, path, links, H5P_DEFAULT, H5P_DEFAULT);
}

enum { nh5_no_link = 0, nh5_hard_link, nh5_other_link };

/// Whether a group has a link of a name, and whether it leads to an object of this file.
static inline int nh5_link(hid_t group, const char *name)
{
  H5L_info_t info;
  htri_t is_there = H5Lexists(group, name, H5P_DEFAULT);
  if (is_there <= 0) return is_there < 0 ? -1 : nh5_no_link;
  if (H5Lget_info(group, name, &info, H5P_DEFAULT) < 0) return -1;
  return info.type == H5L_TYPE_HARD ? nh5_hard_link : nh5_other_link;
}

static inline hid_t nh5_open(hid_t group, const char *name) { return H5Oopen(group, name, H5P_DEFAULT); }

enum { nh5_other_object = 0, nh5_group, nh5_dataset };

static inline int nh5_object(hid_t object)
{
  H5I_type_t type = H5Iget_type(object);
  return type == H5I_GROUP ? nh5_group : type == H5I_DATASET ? nh5_dataset : nh5_other_object;
}

/// Gets a name; anything but 0 ends the visit.
typedef int (*nh5_visitor)(const char *name, void *context);

typedef struct {
  nh5_visitor visit;
  void *context;
} nh5_visit;

static inline herr_t nh5_visit_link(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
  nh5_visit *visit = (nh5_visit *)context;
  (void)group;
  (void)info;
  return visit->visit(name, visit->context);
}

/// Visits the names of a group in the order of their bytes; returns what ended the visit, or 0.
static inline int nh5_names(hid_t group, nh5_visitor visitor, void *context)
{
  nh5_visit visit = {visitor, context};
  return H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, nh5_visit_link, &visit);
}

// MARK: Data sets

/// A space of some extents; a scalar for rank 0.
static inline hid_t nh5_space(int rank, const hsize_t *extents)
{
  return rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, extents, NULL);
}

/// The rank of a space, whose extents are written to room for `nh5_max_rank`; -2 for a space without elements.
static inline int nh5_extents(hid_t space, hsize_t *extents)
{
  if (H5Sget_simple_extent_type(space) == H5S_NULL) return -2;
  if (H5Sget_simple_extent_ndims(space) > H5S_MAX_RANK) return -1;
  return H5Sget_simple_extent_dims(space, extents, NULL);
}

static inline int nh5_select(hid_t space, const hsize_t *start, const hsize_t *count)
{
  return H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
}

static inline hid_t nh5_create_dataset(
  hid_t file, const char *path, hid_t type, hid_t space, hid_t links, hid_t settings)
{
  return H5Dcreate2(file, path, type, space, links, settings, H5P_DEFAULT);
}

enum { nh5_in_this_file = 0, nh5_in_other_files };

/// How the elements of a data set are stored.
typedef struct {
  /// In this file, in others, or negative when it cannot be told.
  int place;
  /// The number of the first filter that is not HDF5's own; 0 when there is none.
  int foreign_filter;
  /// The elements of one chunk, at most 2^40; 0 when there are no chunks.
  hsize_t chunk;
} nh5_storage;

static inline nh5_storage nh5_describe_storage(hid_t dataset)
{
  nh5_storage storage = {-1, 0, 0};
  const hsize_t most = 1ull << 40;
  hsize_t extents[H5S_MAX_RANK];
  hid_t list = H5Dget_create_plist(dataset);
  if (list < 0) return storage;
  switch (H5Pget_layout(list)) {
  case H5D_COMPACT: storage.place = nh5_in_this_file; break;
  case H5D_CONTIGUOUS:
    storage.place = H5Pget_external_count(list) == 0 ? nh5_in_this_file : nh5_in_other_files;
    break;
  case H5D_CHUNKED: {
    int rank = H5Pget_chunk(list, H5S_MAX_RANK, extents);
    storage.place = rank > 0 ? nh5_in_this_file : -1;
    storage.chunk = 1;
    for (int axis = 0; axis < rank && axis < H5S_MAX_RANK; axis++) {
      hsize_t extent = extents[axis] > 0 ? extents[axis] : 1;
      storage.chunk = storage.chunk > most / extent ? most : storage.chunk * extent;
    }
    break;
  }
  case H5D_VIRTUAL: storage.place = nh5_in_other_files; break;
  default: break;
  }
  int filters = H5Pget_nfilters(list);
  for (int index = 0; index < filters && storage.foreign_filter == 0; index++) {
    unsigned flags = 0;
    size_t values = 0;
    H5Z_filter_t filter = H5Pget_filter2(list, (unsigned)index, &flags, &values, NULL, 0, NULL, NULL);
    // Others would be loaded as code from wherever the environment says.
    if (filter < H5Z_FILTER_DEFLATE || filter > H5Z_FILTER_SCALEOFFSET) storage.foreign_filter = filter;
  }
  H5Pclose(list);
  return storage;
}

// MARK: Attributes

static inline hid_t nh5_create_attribute(hid_t object, const char *name, hid_t type, hid_t space)
{
  return H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
}

static inline hid_t nh5_open_attribute(hid_t object, const char *name) { return H5Aopen(object, name, H5P_DEFAULT); }

static inline int nh5_write_text(hid_t attribute, hid_t type, const char *text)
{
  return H5Awrite(attribute, type, &text);
}

/// The text of an attribute of one element, to be given to `free`; NULL when it cannot be read.
static inline char *nh5_copy_text(hid_t attribute, hid_t type)
{
  if (H5Tis_variable_str(type) > 0) {
    char *text = NULL, *copy = NULL;
    if (H5Aread(attribute, type, &text) < 0) return NULL;
    copy = strdup(text != NULL ? text : "");
    H5free_memory(text);
    return copy;
  }
  size_t size = H5Tget_size(type);
  char *text = size > 0 && size <= 1u << 20 ? (char *)calloc(size + 1, 1) : NULL;
  if (text != NULL && H5Aread(attribute, type, text) < 0) {
    free(text);
    return NULL;
  }
  return text;
}

internal import Foundation
internal import NoemaTensor
internal import Testing

@testable internal import NoemaData

@Test func numbersBeyondFloat32AreNotStoredAsIt() throws {
  let path = FileManager.default.temporaryDirectory.path + "/noema-range-\(UUID().uuidString).h5"
  defer { try? FileManager.default.removeItem(atPath: path) }
  let writer = try HDF5Writer(path: path)
  #expect(
    throws: DataError(
      .parameters("1e+300 cannot be stored as float32; store it as float64"), at: "\(path): /a")
  ) { try writer.write(Tensor(shape: [2], [1, 1e300]), to: "a", as: .float32) }
  // What is not finite stays so.
  try writer.write(Tensor(shape: [3], [Double.infinity, .nan, 3e38]), to: "b", as: .float32)
  try writer.finish()
  let values = try HDF5File(path).read("b").elements(as: Float.self)
  #expect(values[0] == .infinity && values[1].isNaN && values[2] == 3e38)
}

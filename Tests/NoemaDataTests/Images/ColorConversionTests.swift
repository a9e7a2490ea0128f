import NoemaData
import Testing

struct ColorConversionTests {
  @Test func greyEqualsPillows() {
    let grey = Image.noise(width: 64, height: 48, channelCount: 3).convertedToGrey()
    #expect(grey.channelCount == 1 && hashed(grey.pixels) == ResizeGoldens.grey)
  }

  @Test func greyAndBackKeepsGreys() {
    let grey = Image.counting(width: 16, height: 16)
    let rgb = grey.convertedToRGB()
    #expect(rgb.pixels.prefix(9) == [0, 0, 0, 1, 1, 1, 2, 2, 2])
    #expect(rgb.convertedToGrey() == grey)
    #expect(grey.convertedToGrey() == grey && rgb.convertedToRGB() == rgb)
  }
}

import Testing

@Test func packageLoads() {}

@main enum Zygote {
    static func main() {}
}

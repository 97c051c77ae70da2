use callweave::{Config, Input, Role, RunOptions, process};

fn main() -> callweave::Result<()> {
    let inputs = vec![
        Input::path("fixtures/keypad-hold/customer.mp3").role(Role::Customer),
        Input::path("fixtures/keypad-hold/agent.mp3").role(Role::Agent),
    ];
    let config = Config::default();
    let mut call = process(inputs, &config, &RunOptions::default())?;
    for track in &call.report.tracks {
        println!("{} {:?}", track.role, track.alignment);
    }
    call.write("out/two", &config.mix, &RunOptions::default())
}

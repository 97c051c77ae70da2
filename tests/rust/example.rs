use callweave::{Config, RunOptions, Input, Role, process};

fn main() -> callweave::Result<()> {
    let inputs = vec![
        Input::path("fixtures/keypad-hold/customer.mp3").role(Role::Customer),
        Input::path("fixtures/keypad-hold/agent.mp3").role(Role::Agent),
    ];
    let config = Config::default();
    let mut call = process(inputs, &config, &RunOptions::default())?;
    println!("{} because of {:?}", call.report.tag.value, call.report.outcome.reasons);
    call.write("out/rust", &config.mix, &RunOptions::default())
}
